//! The head of a request, read as strictly as those of clients: a head that two programs could read differently is
//! refused.

use super::answer::Failure;
use crate::{
    config::TrustedProxies,
    http::{Framing, HeadLimits, HttpRefusal, Methods, Peer, Plain, parse_plain},
};

/// A whole head.
#[derive(Debug)]
pub(super) struct Head {
    plain: Plain,
    /// Path and query, as sent.
    target: String,
    /// Bytes of the body; `None`: it comes in chunks.
    length: Option<u64>,
}

impl Head {
    /// Reads a head, its blank line included.
    pub(super) fn parse(head: &[u8]) -> Result<Self, Failure> {
        let peer = Peer { address: None, secure: false };
        let plain = parse_plain(head, peer, &TrustedProxies::default(), &LIMITS).map_err(refused)?;
        let plain = plain.ok_or_else(|| Failure::request("there are no WebSockets here"))?;
        let length = match plain.framing {
            Framing::Length(length) => Some(length),
            Framing::Chunked => None,
        };
        Ok(Self { target: target(head), plain, length })
    }

    pub(super) fn method(&self) -> &str {
        self.plain.request.method()
    }

    pub(super) fn path(&self) -> &str {
        self.plain.request.path()
    }

    pub(super) fn query(&self) -> &str {
        self.plain.request.query_string()
    }

    /// The part of it that is signed.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    /// The length of its body, which has to be said, unless there is none.
    pub(super) fn length(&self) -> Result<u64, Failure> {
        let says = self.plain.request.header("content-length").is_some();
        match self.length {
            Some(length) if says || self.method() != "POST" => Ok(length),
            _ => Err(Failure::new(411, "length_required", "the header Content-Length is missing")),
        }
    }

    /// True if the client waits with the body until it is asked for it.
    pub(super) fn waits(&self) -> bool {
        self.plain.waits_for_continue
    }

    pub(super) fn is_head(&self) -> bool {
        self.plain.is_head()
    }

    /// True if it is the connection's last request.
    pub(super) fn is_last(&self) -> bool {
        let headers = self.plain.request.headers();
        let mut options = headers
            .filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
            .flat_map(|(_, value)| value.split(|byte| *byte == b','));
        options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
    }

    /// The value of a header that may be there once.
    pub(super) fn one(&self, name: &str) -> Result<Option<&[u8]>, Failure> {
        let mut lines = self.plain.request.headers().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        match (lines.next(), lines.next()) {
            (_, Some(_)) => Err(Failure::request(format!("the header {name} is there twice"))),
            (line, None) => Ok(line.map(|(_, value)| value)),
        }
    }
}

/// The answer to a bad head.
pub(super) fn refused(refusal: HttpRefusal) -> Failure {
    let message = match refusal.status() {
        505 => "the control API speaks HTTP/1.1",
        _ => refusal.reason(),
    };
    Failure::new(refusal.status(), "invalid_request", message)
}

/// Path and query of a head that was read.
fn target(head: &[u8]) -> String {
    let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let target = String::from_utf8_lossy(target);
    if target.starts_with('/') {
        return target.into_owned();
    }
    // A whole URL (RFC 9112 section 3.2.2): the part after the host.
    let behind = target.split_once("://").map_or("", |(_, rest)| rest);
    match behind.find(['/', '?']).and_then(|at| behind.get(at..)) {
        Some(query) if query.starts_with('?') => format!("/{query}"),
        Some(path) => path.to_owned(),
        None => "/".to_owned(),
    }
}

/// Room for a query over tags in the target.
pub(super) const LIMITS: HeadLimits = HeadLimits {
    methods: Methods::Plain,
    probes: false,
    max_head: 64 << 10,
    max_headers: 64,
    max_target: 60 << 10,
};

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &str) -> Result<Head, Failure> {
        Head::parse(format!("POST /v1/publish?a=%20 HTTP/1.1\r\n{lines}\r\n").as_bytes())
    }

    #[test]
    fn what_is_signed_is_the_target_as_it_was_sent() {
        let target = |target: &str| {
            let head = format!("GET {target} HTTP/1.1\r\nHost: h:1\r\n\r\n");
            Head::parse(head.as_bytes()).map(|head| head.target().to_owned()).ok()
        };
        for (sent, signed) in [
            ("/v1/stats", "/v1/stats"),
            ("/v1/stats?", "/v1/stats?"),
            ("/?a=http://b/c", "/?a=http://b/c"),
            ("http://h:1/v1/stats?a", "/v1/stats?a"),
            ("http://h:1?a", "/?a"),
            ("http://h:1", "/"),
        ] {
            assert_eq!(target(sent).as_deref(), Some(signed), "{sent}");
        }
        assert_eq!(target("http://other/v1/stats"), None);
        assert_eq!(target("*"), None);
    }

    #[test]
    fn a_header_that_is_there_twice_is_refused() {
        let head = parse("Host: h\r\nFerrite-Key: a\r\nferrite-key: a\r\nConnection: x, Close\r\n").unwrap();
        assert!(head.one("Ferrite-Key").unwrap_err().message().contains("twice"));
        assert_eq!(head.one("host").unwrap(), Some(&b"h"[..]));
        assert_eq!(head.one("Idempotency-Key").unwrap(), None);
        assert!(head.is_last() && head.length().is_err());
        assert!(!parse("Host: h\r\nConnection: closed\r\n").unwrap().is_last());
    }

    #[test]
    fn a_head_whose_end_is_in_doubt_is_refused() {
        for lines in [
            "",
            "Host: h\r\nHost: h\r\n",
            "Host: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n",
            "Host: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Host: h\r\nContent-Length: +1\r\n",
        ] {
            assert!(parse(lines).is_err(), "{lines:?}");
        }
        assert!(parse("Host: h\r\nTransfer-Encoding: chunked\r\n").unwrap().length().is_err());
        assert_eq!(parse("Host: h\r\nContent-Length: 7\r\n").unwrap().length().unwrap(), 7);
    }
}
