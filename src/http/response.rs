//! Answers as bytes. They get their Date last ([`dated`]): this module has no clock.

use super::{is_token, is_value_byte, status::phrase};
use crate::deflate::Agreement;

/// Appends the answer that completes a handshake (RFC 6455 §4.2.2): 101, the accept key, the chosen
/// subprotocol, the agreement on compression (RFC 7692 §5.1), then `headers`.
///
/// `headers` should have passed [`check_header`]; one that would not is left out, and so is a
/// protocol that is not a token, because the alternative is letting someone write our answer.
pub fn switching_protocols(
    out: &mut Vec<u8>,
    accept_key: &[u8; 28],
    protocol: Option<&str>,
    deflate: Option<&Agreement>,
    headers: &[(String, Vec<u8>)],
) {
    out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    line(out, "Upgrade", b"websocket");
    line(out, "Connection", b"Upgrade");
    line(out, "Sec-WebSocket-Accept", accept_key);
    if let Some(protocol) = protocol.filter(|protocol| is_token(protocol.as_bytes())) {
        line(out, "Sec-WebSocket-Protocol", protocol.as_bytes());
    }
    if let Some(agreement) = deflate {
        line(out, "Sec-WebSocket-Extensions", agreement.to_string().as_bytes());
    }
    for (name, value) in valid(headers) {
        line(out, name, value);
    }
    out.extend_from_slice(b"\r\n");
}

/// An answer that is not an upgrade, after which the connection closes (RFC 9112 §9.6).
///
/// A status below 200 or above 599 would leave the client waiting or guessing: it becomes 500. 204
/// and 304 have no body (RFC 9110 §6.4.1). The body is `text/plain; charset=utf-8` unless `headers`
/// name another Content-Type. Headers that [`check_header`] refuses are left out.
pub fn rejection(status: u16, body: &[u8], headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let headers: Vec<(&str, &[u8])> = valid(headers).chain([("Connection", b"close".as_slice())]).collect();
    answer(status, body, &headers)
}

/// The answer to a plain request, as [`rejection`] writes it; to HEAD without the body, whose length is
/// told all the same (RFC 9110 §9.3.2).
pub fn response(status: u16, body: &[u8], headers: &[(String, Vec<u8>)], to_head: bool) -> Vec<u8> {
    let response = rejection(status, body, headers);
    if to_head { without_body(response) } else { response }
}

/// The answer to a client that waits for permission to send its body (RFC 9110 §10.1.1).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Writes the line Date (RFC 9110 §6.6.1) behind the status line, unless the application has set one.
pub fn dated(mut response: Vec<u8>, date: &str) -> Vec<u8> {
    let lines = || response.split(|&byte| byte == b'\n').take_while(|line| *line != b"\r");
    let has_date = lines().any(|line| line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"date:")));
    if let (false, Some(status)) = (has_date, lines().next()) {
        let behind = status.len() + 1;
        response.splice(behind..behind, format!("Date: {date}\r\n").into_bytes());
    }
    response
}

/// Cuts an answer behind its head.
pub(super) fn without_body(mut response: Vec<u8>) -> Vec<u8> {
    if let Some(end) = response.windows(4).position(|four| four == b"\r\n\r\n") {
        response.truncate(end + 4);
    }
    response
}

/// The answer to a request that was refused here, with headers that only we may set.
pub(super) fn refusal(status: u16, body: &[u8], headers: &[(&str, &str)]) -> Vec<u8> {
    let headers: Vec<(&str, &[u8])> = headers.iter().map(|&(name, value)| (name, value.as_bytes())).collect();
    answer(status, body, &headers)
}

/// Checks that an application may add this header to an answer.
///
/// The name has to be a token and the value free of control bytes (RFC 9110 §5.1, §5.5): a CR LF in
/// it would end the line and begin another of the application's choice. Headers that the handshake itself
/// writes are refused too.
pub fn check_header(name: &str, value: &[u8]) -> Result<(), HeaderError> {
    if !is_token(name.as_bytes()) {
        return Err(HeaderError::Name);
    }
    if let Some(owned) = OWNED.iter().find(|owned| owned.eq_ignore_ascii_case(name)) {
        return Err(HeaderError::Owned(owned));
    }
    if !value.iter().all(|&byte| is_value_byte(byte)) {
        return Err(HeaderError::Value(name.to_owned()));
    }
    Ok(())
}

/// Reasons to refuse a header of an application.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is empty or holds a byte that no header name may hold.
    #[error("a header name has to be a token: letters, digits and !#$%&'*+-.^_`|~")]
    Name,
    /// The value of this header holds CR, LF, NUL or another control byte.
    #[error("the value of the header {0} holds a control byte such as CR, LF or NUL")]
    Value(String),
    /// The server writes this header itself.
    #[error("the header {0} is written by the server itself")]
    Owned(&'static str),
}

fn valid(headers: &[(String, Vec<u8>)]) -> impl Iterator<Item = (&str, &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .filter(|(name, value)| check_header(name, value).is_ok())
}

fn answer(status: u16, body: &[u8], headers: &[(&str, &[u8])]) -> Vec<u8> {
    let status = if (200..=599).contains(&status) { status } else { 500 };
    let body = (status != 204 && status != 304).then_some(body);
    let mut out = format!("HTTP/1.1 {status} {}\r\n", phrase(status)).into_bytes();
    for (name, value) in headers {
        line(&mut out, name, value);
    }
    if let Some(body) = body {
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            line(&mut out, "Content-Type", b"text/plain; charset=utf-8");
        }
        line(&mut out, "Content-Length", body.len().to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body.unwrap_or_default());
    out
}

fn line(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Written by the handshake; a second copy would contradict the first, or reframe the connection.
const OWNED: [&str; 7] = [
    "Connection",
    "Upgrade",
    "Sec-WebSocket-Accept",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Content-Length",
    "Transfer-Encoding",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(headers: &[(&str, &[u8])]) -> Vec<(String, Vec<u8>)> {
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect()
    }

    #[test]
    fn the_upgrade_is_answered_with_the_key_the_protocol_and_the_headers() {
        let mut out = b"before".to_vec();
        let headers = headers(&[("Set-Cookie", b"a=\xff"), ("set-cookie", b"b")]);
        switching_protocols(&mut out, b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", Some("chat"), None, &headers);
        let expected =
            b"beforeHTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
            Set-Cookie: a=\xff\r\nset-cookie: b\r\n\r\n";
        assert_eq!(out.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    #[test]
    fn an_answer_never_holds_an_injected_line() {
        let bad = headers(&[
            ("X-A", b"b\r\nX-Injected: 1"),
            ("X-A\r\nX-Injected", b"1"),
            ("X-A", b"b\nX-Injected: 1"),
            ("Connection", b"X-Injected"),
        ]);
        let mut out = Vec::new();
        switching_protocols(&mut out, &[b'a'; 28], Some("chat\r\nX-Injected: 1"), None, &bad);
        out.extend(rejection(403, b"no", &bad));
        assert!(!String::from_utf8(out).unwrap().contains("X-Injected"));
    }

    #[test]
    fn a_rejection_closes_and_says_how_long_it_is() {
        let expected = "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\
            Content-Type: text/plain; charset=utf-8\r\nContent-Length: 2\r\n\r\nno";
        assert_eq!(rejection(403, b"no", &[]), expected.as_bytes());
    }

    #[test]
    fn a_rejection_keeps_the_content_type_it_is_given() {
        let expected = "HTTP/1.1 429 Too Many Requests\r\ncontent-type: application/json\r\nRetry-After: 5\r\n\
            Connection: close\r\nContent-Length: 2\r\n\r\n{}";
        let headers = headers(&[("content-type", b"application/json"), ("Retry-After", b"5")]);
        assert_eq!(rejection(429, b"{}", &headers), expected.as_bytes());
    }

    #[test]
    fn an_answer_is_dated_once_and_never_in_its_body() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let answer = dated(rejection(403, b"Date: a\r\n\r\nDate: b", &[]), date);
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 403 Forbidden\r\nDate: {date}\r\nConn")), "{answer}");
        assert!(answer.ends_with("\r\n\r\nDate: a\r\n\r\nDate: b"), "{answer}");
        let own = rejection(200, b"", &headers(&[("dATE", b"never")]));
        assert_eq!(dated(own.clone(), date), own);
    }

    #[test]
    fn an_answer_to_head_has_the_length_of_the_body_and_no_body() {
        let full = response(200, b"a\r\n\r\nb", &[], false);
        assert_eq!(full, rejection(200, b"a\r\n\r\nb", &[]));
        let head = response(200, b"a\r\n\r\nb", &[], true);
        assert!(full.starts_with(&head) && head.ends_with(b"\r\nContent-Length: 6\r\n\r\n"));
    }

    #[test]
    fn a_status_that_is_no_final_answer_becomes_500() {
        for status in [0, 100, 101, 199, 600, u16::MAX] {
            assert!(rejection(status, b"", &[]).starts_with(b"HTTP/1.1 500 Internal Server Error\r\n"));
        }
        assert!(rejection(499, b"", &[]).starts_with(b"HTTP/1.1 499 \r\n"));
        assert_eq!(rejection(204, b"gone", &[]), b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    }

    #[test]
    fn a_header_is_valid_if_it_is_a_token_free_of_control_bytes_and_not_ours() {
        assert_eq!(check_header("X-Request-Id", b"a b\tc\xe9"), Ok(()));
        assert_eq!(check_header("Set-Cookie", b""), Ok(()));
        for name in ["", "a b", "a:", "a\r\nb", "\u{e9}"] {
            assert_eq!(check_header(name, b"v"), Err(HeaderError::Name), "{name:?}");
        }
        for value in [b"\r".as_slice(), b"\n", b"\0", b"a\x7f", b"\r\nA: b"] {
            assert_eq!(check_header("A", value), Err(HeaderError::Value("A".to_owned())));
        }
        for name in OWNED {
            assert_eq!(check_header(&name.to_lowercase(), b"v"), Err(HeaderError::Owned(name)));
        }
        let error = check_header("upgrade", b"h2c").unwrap_err();
        assert_eq!(error.to_string(), "the header Upgrade is written by the server itself");
    }
}
