//! The body of a close frame (RFC 6455 §5.5.1).

use bytes::{Buf, Bytes};

use super::{close_code::may_be_sent_by_peer, violation::Violation};

/// Code and reason with which the peer closes (RFC 6455 §5.5.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// The code, one that [`may_be_sent_by_peer`].
    pub code: u16,
    /// The reason: valid UTF-8, at most [`MAX_REASON`](super::MAX_REASON) bytes, often empty.
    pub reason: Bytes,
}

impl CloseFrame {
    /// Reads the whole, unmasked body of a close frame (RFC 6455 §5.5.1). No body, no reason given.
    pub fn parse(mut body: Bytes) -> Result<Option<Self>, Violation> {
        check_arrived(&body)?;
        let Some(&code) = body.first_chunk() else {
            return if body.is_empty() { Ok(None) } else { Err(Violation::InvalidCloseLength) };
        };
        body.advance(code.len());
        if std::str::from_utf8(&body).is_err() {
            return Err(Violation::InvalidUtf8);
        }
        Ok(Some(Self { code: u16::from_be_bytes(code), reason: body }))
    }
}

/// Refuses the beginning of a close body that nothing can complete (RFC 6455 §5.5.1).
pub(super) fn check_arrived(body: &[u8]) -> Result<(), Violation> {
    let Some((&code, reason)) = body.split_first_chunk() else { return Ok(()) };
    let code = u16::from_be_bytes(code);
    if !may_be_sent_by_peer(code) {
        return Err(Violation::InvalidCloseCode(code));
    }
    match std::str::from_utf8(reason) {
        Err(error) if error.error_len().is_some() => Err(Violation::InvalidUtf8),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &'static [u8]) -> Result<Option<CloseFrame>, Violation> {
        CloseFrame::parse(Bytes::from_static(body))
    }

    #[test]
    fn no_body_is_no_reason() {
        assert_eq!(parse(b""), Ok(None));
    }

    #[test]
    fn a_body_is_a_code_and_a_reason() {
        let close = |code, reason| Ok(Some(CloseFrame { code, reason: Bytes::from_static(reason) }));
        assert_eq!(parse(b"\x03\xe8"), close(1000, b""));
        assert_eq!(parse(b"\x0f\xa0bye \xf0\x9f\x91\x8b"), close(4000, b"bye \xf0\x9f\x91\x8b"));
    }

    #[test]
    fn one_byte_is_no_body() {
        assert_eq!(parse(b"\x03"), Err(Violation::InvalidCloseLength));
    }

    #[test]
    fn a_code_that_must_not_be_sent_is_refused_with_its_number() {
        assert_eq!(parse(b"\x03\xed"), Err(Violation::InvalidCloseCode(1005)));
        assert_eq!(parse(b"\x00\x00reason"), Err(Violation::InvalidCloseCode(0)));
    }

    #[test]
    fn a_reason_must_be_utf8_to_its_end() {
        assert_eq!(parse(b"\x03\xe8\xff"), Err(Violation::InvalidUtf8));
        assert_eq!(parse(b"\x03\xe8\xe2\x82"), Err(Violation::InvalidUtf8));
        assert_eq!(check_arrived(b"\x03\xe8\xe2\x82"), Ok(()));
        assert_eq!(check_arrived(b"\x03\xe8\xe2\x28"), Err(Violation::InvalidUtf8));
    }
}
