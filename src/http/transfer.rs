//! A request on its way to another process of the server: its head, which is read again there.
//!
//! So a request from a process that cannot be trusted has all that one from a socket has: a head that passed the
//! reader, ASCII where the accessors promise it, and an index that points into it.

use std::{borrow::Cow, net::IpAddr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::head_limits::{HeadLimits, Methods};
use super::plain;
use super::refusal::HttpRefusal;
use super::request::Request;
use super::upgrade;

#[derive(Serialize, Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    head: Cow<'a, [u8]>,
    #[serde(borrow)]
    remote_address: Cow<'a, str>,
    client_certificate: Option<Box<[u8]>>,
    secure: bool,
}

impl Serialize for Request {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sent = Sent {
            head: self.head().into(),
            remote_address: self.remote_address().into(),
            client_certificate: self.client_certificate().map(Box::from),
            secure: self.secure(),
        };
        sent.serialize(serializer)
    }
}

/// An error for a head that no client could have sent. Limits that an operator set are not checked: the process that
/// read the head from its socket did.
impl<'de> Deserialize<'de> for Request {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let sent = Sent::deserialize(deserializer)?;
        if !is_address(&sent.remote_address) {
            return Err(D::Error::custom("not the address of a client"));
        }
        read(&sent).map_err(|_| D::Error::custom("not the head of a request"))
    }
}

fn read(sent: &Sent<'_>) -> Result<Request, HttpRefusal> {
    let head = &*sent.head;
    let mut lines = upgrade::lines(head, &ANY);
    let (line, fields) = upgrade::split(head, &mut lines, &ANY)?;
    let target = plain::target(&line)?;
    let (path, query) = (target.path.as_bytes(), target.query.as_bytes());
    let mut request = Request::new(head, path, query, fields.0, &sent.remote_address, sent.secure);
    request.set_client_certificate(sent.client_certificate.as_deref());
    Ok(request)
}

/// True for the text of an address in the one form that the server writes.
fn is_address(text: &str) -> bool {
    text == "unix:" || text.parse::<IpAddr>().is_ok_and(|address| address.to_string() == text)
}

/// Bounds of the index alone; the head reader refuses more bytes than it can address.
const ANY: HeadLimits = HeadLimits {
    methods: Methods::Plain,
    probes: true,
    max_head: usize::MAX,
    max_headers: usize::MAX,
    max_target: usize::MAX,
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        config::TrustedProxies,
        http::{Peer, UpgradeRules, parse_plain, parse_upgrade, sample},
        serde_tests::{bytes, check, check_any, read},
    };

    const PEER: Peer =
        Peer { address: Some(std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST)), secure: true };

    fn plain(head: &str) -> Request {
        let limits = HeadLimits { probes: true, ..HeadLimits::default() };
        let peer = Peer { address: None, secure: false };
        parse_plain(head.as_bytes(), peer, &TrustedProxies::default(), &limits).unwrap().unwrap().request
    }

    fn handshake() -> Request {
        let rules = UpgradeRules {
            origins: &crate::config::Origins::Any,
            protocols: &[],
            trusted_proxies: &TrustedProxies::default(),
            compression: None,
            limits: &HeadLimits::default(),
        };
        let head = sample::handshake("/chat%20room?token=secret&b", "X-Bytes: \u{e9}\r\nX-Empty:\r\n");
        parse_upgrade(head.as_bytes(), PEER, &rules).unwrap().request
    }

    #[test]
    fn every_kind_of_request_comes_out_as_it_went_in() {
        let mut with_certificate = handshake();
        with_certificate.set_client_certificate(Some(b"\x30\x82\xff"));
        let mut masked = handshake();
        masked.mask_query("token");
        for request in [
            handshake(),
            with_certificate,
            masked,
            plain("\r\nPUT /a?b?c HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"),
            plain("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"),
            plain("HEAD http://h?x HTTP/1.0\r\n\r\n"),
        ] {
            check(&request);
        }
        let again: Request = read(&bytes(&handshake())).unwrap();
        assert_eq!((again.method(), again.path()), ("GET", "/chat%20room"));
        assert_eq!((again.query_string(), again.remote_address()), ("token=secret&b", "::1"));
        assert_eq!(again.headers().next_back(), Some(("X-Empty", &b""[..])));
        assert!(again.secure());
    }

    fn sent(head: &[u8], remote_address: &str) -> Option<Request> {
        read(&bytes(&Sent {
            head: head.into(),
            remote_address: remote_address.into(),
            client_certificate: None,
            secure: false,
        }))
    }

    #[test]
    fn a_head_that_no_client_could_have_sent_is_an_error() {
        assert!(sent(b"GET / HTTP/1.1\r\nA: b\r\n\r\n", "192.0.2.7").is_some());
        for head in [
            &b""[..],
            b"GET / HTTP/1.1\r\n",
            b"GET / HTTP/1.1\r\n\r\nmore",
            b"BREW / HTTP/1.1\r\n\r\n",
            b"GET * HTTP/1.1\r\n\r\n",
            b"GET /\xc3 HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
            b"GET / HTTP/1.1\r\nA: \0\r\n\r\n",
            b"GET / HTTP/1.1\r\n: b\r\n\r\n",
        ] {
            assert_eq!(sent(head, "192.0.2.7"), None, "{}", head.escape_ascii());
        }
        let mut long = b"GET / HTTP/1.1\r\nA: ".to_vec();
        long.resize(65_531, b'x');
        assert!(sent(&[&long[..], b"\r\n\r\n"].concat(), "unix:").is_some());
        assert_eq!(sent(&[&long[..], b"x\r\n\r\n"].concat(), "unix:"), None);
    }

    #[test]
    fn an_address_has_one_form() {
        let head = b"GET / HTTP/1.1\r\n\r\n";
        assert!(["::1", "192.0.2.7", "unix:"].iter().all(|address| sent(head, address).is_some()));
        for address in ["", "h", "0::1", "192.0.2.7:80", "[::1]", "unix", "::1\r\n"] {
            assert_eq!(sent(head, address), None, "{address}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_request_or_an_error(any in prop::collection::vec(any::<u8>(), 0..200)) {
            check_any::<Request>(&any);
        }
    }
}
