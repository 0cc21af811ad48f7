//! A request that stays HTTP, and the framing of its body.
//!
//! Where RFC 9112 §6 lets a server guess or repair a body's length, the request is refused: a proxy in front may have
//! guessed otherwise, and then one request hides in another.

use super::body::Framing;
use super::head::without_empty_lines;
use super::head_limits::{HeadLimits, Methods};
use super::refusal::{HttpRefusal, RefusalKind};
use super::request::Request;
use super::upgrade::{self, Fields, Peer, RequestLine, RequestTarget};
use crate::config::TrustedProxies;

/// A request without `Upgrade: websocket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain {
    /// Method, target and header lines.
    pub request: Request,
    /// Framing of its body.
    pub framing: Framing,
    /// True if the client waits for `100 Continue` before it sends the body (RFC 9110 §10.1.1).
    pub waits_for_continue: bool,
}

/// Reads a complete head, the blank line included. `None`: it asks for a WebSocket, which
/// [`parse_upgrade`](super::parse_upgrade) judges.
pub fn parse_plain(
    head: &[u8],
    peer: Peer,
    trusted_proxies: &TrustedProxies,
    limits: &HeadLimits,
) -> Result<Option<Plain>, HttpRefusal> {
    let limits = HeadLimits { methods: Methods::Plain, ..*limits };
    let mut lines = upgrade::lines(head, &limits);
    let (line, fields) = upgrade::split(head, &mut lines, &limits)?;
    if fields.list_names("upgrade", b"websocket") {
        return Ok(None);
    }
    let head = without_empty_lines(head);
    let framing = framing(&fields, line.is_1_0)?;
    let target = target(&line)?;
    if limits.probes {
        fields.host_of_a_probe(&target, line.is_1_0)?;
    } else {
        fields.host(&target)?;
    }
    // RFC 9110 §10.1.1: Expect is to be ignored in HTTP/1.0, whose clients do not wait.
    let waits_for_continue = !line.is_1_0 && waits_for_continue(&fields)?;
    let (remote_address, secure) = fields.client(peer, trusted_proxies);
    let (path, query) = (target.path.as_bytes(), target.query.as_bytes());
    let request = Request::new(head, path, query, fields.0, &remote_address, secure);
    Ok(Some(Plain { request, framing, waits_for_continue }))
}

impl Plain {
    /// True for HEAD, whose answer has no body.
    pub fn is_head(&self) -> bool {
        self.request.method() == "HEAD"
    }
}

/// The target in any form that the request's method may have.
pub(super) fn target<'b>(line: &RequestLine<'b>) -> Result<RequestTarget<'b>, RefusalKind> {
    match line.target {
        "*" if line.method == "OPTIONS" => Ok(RequestTarget::whole_server(line.target)),
        target => RequestTarget::parse(target),
    }
}

/// RFC 9112 §6.3, without its leniency.
fn framing(fields: &Fields<'_, '_>, is_1_0: bool) -> Result<Framing, RefusalKind> {
    let length = fields.at_most_one("content-length").map_err(|()| RefusalKind::LengthForm)?;
    let coding = fields.at_most_one("transfer-encoding").map_err(|()| RefusalKind::CodingCount)?;
    match (length, coding) {
        (None, None) => Ok(Framing::Length(0)),
        (Some(_), Some(_)) => Err(RefusalKind::LengthAndCoding),
        (None, Some(_)) if is_1_0 => Err(RefusalKind::CodingIn10),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (None, Some(_)) => Err(RefusalKind::Coding),
        (Some([]), None) => Err(RefusalKind::LengthForm),
        (Some(length), None) => length
            .iter()
            .try_fold(0_u64, |sum, digit| {
                let digit = char::from(*digit).to_digit(10)?;
                Some(sum.saturating_mul(10).saturating_add(digit.into()))
            })
            .map(Framing::Length)
            .ok_or(RefusalKind::LengthForm),
    }
}

fn waits_for_continue(fields: &Fields<'_, '_>) -> Result<bool, RefusalKind> {
    let mut waits = false;
    for expected in fields.all("expect") {
        if !expected.eq_ignore_ascii_case(b"100-continue") {
            return Err(RefusalKind::Expectation);
        }
        waits = true;
    }
    Ok(waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(head: &str) -> Result<Option<Plain>, u16> {
        let peer = Peer { address: Some([203, 0, 113, 9].into()), secure: false };
        let limits = HeadLimits { probes: true, ..HeadLimits::default() };
        parse_plain(head.as_bytes(), peer, &TrustedProxies::default(), &limits)
            .map_err(|refusal| refusal.status())
    }

    fn with(lines: &str) -> Result<Framing, u16> {
        judge(&format!("POST /a HTTP/1.1\r\nHost: h\r\n{lines}\r\n")).map(|plain| plain.unwrap().framing)
    }

    #[test]
    fn a_plain_request_keeps_its_method_target_and_headers() {
        let plain =
            judge("PUT /a%20b?c=d HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 3\r\n\r\n")
                .unwrap()
                .unwrap();
        let request = &plain.request;
        assert_eq!((request.method(), request.path(), request.query_string()), ("PUT", "/a%20b", "c=d"));
        assert_eq!((request.remote_address(), request.secure()), ("203.0.113.9", false));
        assert!(plain.waits_for_continue && !plain.is_head());
        assert_eq!(plain.framing, Framing::Length(3));
        let absolute = judge("HEAD http://h/x?y HTTP/1.1\r\nHost: h\r\n\r\n").unwrap().unwrap();
        assert_eq!((absolute.request.path(), absolute.request.query_string()), ("/x", "y"));
        assert!(absolute.is_head());
    }

    #[test]
    fn a_request_for_a_websocket_is_not_plain_and_one_for_another_protocol_is() {
        assert_eq!(judge("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c, WebSocket\r\n\r\n"), Ok(None));
        assert!(judge("GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\n").unwrap().is_some());
    }

    #[test]
    fn a_body_has_one_length_or_is_chunked() {
        assert_eq!(with(""), Ok(Framing::Length(0)));
        assert_eq!(with("Content-Length: 0\r\n"), Ok(Framing::Length(0)));
        assert_eq!(with("content-length:12\r\n"), Ok(Framing::Length(12)));
        assert_eq!(with("Transfer-Encoding: Chunked\r\n"), Ok(Framing::Chunked));
        assert_eq!(with(&format!("Content-Length: {}\r\n", "9".repeat(99))), Ok(Framing::Length(u64::MAX)));
    }

    #[test]
    fn what_two_servers_could_frame_differently_is_refused() {
        for (lines, status) in [
            ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n", 400),
            ("Transfer-Encoding: identity\r\nContent-Length: 3\r\n", 400),
            ("Content-Length: 3\r\nContent-Length: 3\r\n", 400),
            ("Content-Length: 3, 3\r\n", 400),
            ("Content-Length: \r\n", 400),
            ("Content-Length: +3\r\n", 400),
            ("Content-Length: -3\r\n", 400),
            ("Content-Length: 0x3\r\n", 400),
            ("Content-Length: 3 3\r\n", 400),
            ("Content-Length: \u{0663}\r\n", 400),
            ("Content-Length : 3\r\n", 400),
            ("Content-Length: 3\r\n ,4\r\n", 400),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400),
            ("Transfer-Encoding: chunked, chunked\r\n", 501),
            ("Transfer-Encoding: gzip, chunked\r\n", 501),
            ("Transfer-Encoding: chunked, identity\r\n", 501),
            ("Transfer-Encoding: identity\r\n", 501),
            ("Transfer-Encoding: \"chunked\"\r\n", 501),
            ("Transfer-Encoding: xchunked\r\n", 501),
            ("Transfer-Encoding: chunked;q=1\r\n", 501),
            ("Transfer-Encoding:\r\n", 501),
            ("Transfer-Encoding: \u{b}chunked\r\n", 400),
            ("Expect: 200-maybe\r\n", 417),
            ("Host: h\r\n", 400),
        ] {
            assert_eq!(with(lines), Err(status), "{lines:?}");
        }
        assert_eq!(judge("POST / HTTP/1.2\r\nHost: h\r\n\r\n"), Err(505));
        assert_eq!(judge("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(400));
        assert_eq!(judge("BREW / HTTP/1.1\r\nHost: h\r\n\r\n"), Err(501));
        assert_eq!(judge("POST * HTTP/1.1\r\nHost: h\r\n\r\n"), Err(400));
        assert_eq!(judge("OPTIONS ** HTTP/1.1\r\nHost: h\r\n\r\n"), Err(400));
        assert_eq!(judge("GET http://other/ HTTP/1.1\r\nHost: h\r\n\r\n"), Err(400));
        assert_eq!(judge("GET / HTTP/1.1\r\n\r\n"), Err(400));
        assert_eq!(judge("GET http://h/ HTTP/1.1\r\nHost:\r\n\r\n"), Err(400));
    }

    #[test]
    fn http_1_0_needs_no_host_and_waits_for_nothing() {
        let plain = |head: &str| judge(head).unwrap().unwrap();
        let old = plain("POST /a?b HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n");
        assert_eq!((old.request.method(), old.request.path()), ("POST", "/a"));
        assert_eq!((old.framing, old.waits_for_continue), (Framing::Length(3), false));
        assert_eq!(plain("GET http://h/a HTTP/1.0\r\n\r\n").request.path(), "/a");
        for (head, status) in [
            ("GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.0\r\nHost: a@b\r\n\r\n", 400),
            ("GET http://a/ HTTP/1.0\r\nHost: b\r\n\r\n", 400),
        ] {
            assert_eq!(judge(head), Err(status), "{head:?}");
        }
        assert_eq!(judge("GET / HTTP/1.0\r\nUpgrade: websocket\r\n\r\n"), Ok(None));
    }

    #[test]
    fn options_may_ask_for_the_whole_server_and_empty_lines_are_not_the_method() {
        let plain = |head: &str| judge(head).unwrap().unwrap();
        let server = plain("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n").request;
        assert_eq!((server.method(), server.path(), server.query_string()), ("OPTIONS", "*", ""));
        // RFC 9110 §7.2: the Host of a target without an authority is empty.
        assert_eq!(plain("GET /a HTTP/1.1\r\nHost:\r\n\r\n").request.path(), "/a");
        let late = plain("\r\n\r\nHEAD /a?b HTTP/1.1\r\nHost: h\r\n\r\n");
        assert!(late.is_head());
        assert_eq!((late.request.path(), late.request.query_string()), ("/a", "b"));
        assert_eq!(late.request.header("host"), Some(&b"h"[..]));
    }
}
