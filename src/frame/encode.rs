//! Server frames (RFC 6455 §5.2): final, unmasked, written into the caller's buffer.

use bytes::{BufMut, BytesMut};

use super::{
    close_code::{CloseCode, MAX_REASON},
    opcode::{MAX_CONTROL, OpCode},
};

/// The longest header a server frame has: 2 bytes and a 64-bit length (RFC 6455 §5.2).
pub const MAX_HEADER: usize = 10;

/// Appends the header and the payload of one final frame (RFC 6455 §5.2).
///
/// The frame is always legal: a control frame's payload is cut at 125 bytes (§5.5). Callers that
/// take control payloads from users check the length themselves, to be able to report it.
#[inline]
pub fn encode(out: &mut BytesMut, opcode: OpCode, payload: &[u8]) {
    let payload = if opcode.is_control() {
        payload.get(..usize::from(MAX_CONTROL)).unwrap_or(payload)
    } else {
        payload
    };
    out.reserve(encoded_len(payload.len()));
    encode_header(out, opcode, payload.len());
    out.extend_from_slice(payload);
}

/// Appends only the header of one final frame, whose payload of `payload_len` bytes the caller
/// sends from where it is (RFC 6455 §5.2). A control frame has at most 125.
#[inline]
pub fn encode_header(out: &mut BytesMut, opcode: OpCode, payload_len: usize) {
    let first = FIN | opcode as u8;
    if let Ok(short @ 0..=MAX_CONTROL) = u8::try_from(payload_len) {
        out.put_slice(&[first, short]);
    } else if let Ok(medium) = u16::try_from(payload_len) {
        let [a, b] = medium.to_be_bytes();
        out.put_slice(&[first, 126, a, b]);
    } else {
        out.put_slice(&[first, 127]);
        out.put_u64(payload_len as u64);
    }
}

/// Appends one final frame that carries a compressed message (RFC 7692 §6.1).
pub fn encode_compressed(out: &mut BytesMut, opcode: OpCode, deflated: &[u8]) {
    let begin = out.len();
    out.reserve(encoded_len(deflated.len()));
    encode_header(out, opcode, deflated.len());
    if let Some(first) = out.get_mut(begin) {
        *first |= RSV1;
    }
    out.extend_from_slice(deflated);
}

/// The opcode and the payload of a data frame that [`encode`] made.
pub fn message_of(frame: &[u8]) -> (OpCode, &[u8]) {
    let binary = frame.first() == Some(&(FIN | OpCode::Binary as u8));
    let opcode = if binary { OpCode::Binary } else { OpCode::Text };
    let header = match frame.get(1) {
        Some(127) => MAX_HEADER,
        Some(126) => 4,
        _ => 2,
    };
    (opcode, frame.get(header..).unwrap_or_default())
}

/// Bytes of one frame with a payload of `payload_len` bytes (RFC 6455 §5.2).
#[must_use]
#[inline]
pub const fn encoded_len(payload_len: usize) -> usize {
    let header = match payload_len {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => MAX_HEADER,
    };
    header + payload_len
}

/// Appends a close frame (RFC 6455 §5.5.1).
///
/// The reason is cut, between characters, at 123 bytes. The codes that must never be on the wire
/// (1005, 1006, 1015: §7.4.1) make a frame with no body, so that "no code" can be echoed as it came.
pub fn encode_close(out: &mut BytesMut, code: u16, reason: &str) {
    if matches!(code, CloseCode::NO_STATUS | CloseCode::ABNORMAL | CloseCode::TLS_HANDSHAKE) {
        return encode(out, OpCode::Close, &[]);
    }
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    let reason = reason.get(..end).unwrap_or_default();
    encode_header(out, OpCode::Close, 2 + reason.len());
    out.put_u16(code);
    out.put_slice(reason.as_bytes());
}

const FIN: u8 = 0x80;
const RSV1: u8 = 0x40;

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(opcode: OpCode, payload: &[u8]) -> Vec<u8> {
        let mut out = BytesMut::new();
        encode(&mut out, opcode, payload);
        if !opcode.is_control() {
            assert_eq!(out.len(), encoded_len(payload.len()));
        }
        out.to_vec()
    }

    fn closed(code: u16, reason: &str) -> Vec<u8> {
        let mut out = BytesMut::new();
        encode_close(&mut out, code, reason);
        out.to_vec()
    }

    #[test]
    fn the_examples_of_the_rfc_are_written_byte_for_byte() {
        assert_eq!(encoded(OpCode::Text, b"Hello"), b"\x81\x05Hello");
        assert_eq!(encoded(OpCode::Ping, b"Hello"), b"\x89\x05Hello");
        assert_eq!(encoded(OpCode::Binary, &[0; 256])[..4], *b"\x82\x7e\x01\x00");
        assert_eq!(encoded(OpCode::Binary, &[0; 65_536])[..10], *b"\x82\x7f\0\0\0\0\0\x01\0\0");
    }

    #[test]
    fn every_length_takes_its_shortest_form() {
        assert_eq!(encoded(OpCode::Text, b""), b"\x81\x00");
        assert_eq!(encoded(OpCode::Text, &[b'a'; 125])[..2], *b"\x81\x7d");
        assert_eq!(encoded(OpCode::Text, &[b'a'; 126])[..4], *b"\x81\x7e\x00\x7e");
        assert_eq!(encoded(OpCode::Text, &[b'a'; 65_535])[..4], *b"\x81\x7e\xff\xff");
    }

    #[test]
    fn frames_are_appended_to_what_is_there() {
        let mut out = BytesMut::from(&b"before"[..]);
        encode(&mut out, OpCode::Pong, b"x");
        encode_header(&mut out, OpCode::Binary, 3);
        assert_eq!(out, &b"before\x8a\x01x\x82\x03"[..]);
    }

    #[test]
    fn a_control_payload_is_cut_rather_than_sent_illegally() {
        let frame = encoded(OpCode::Ping, &[b'p'; 200]);
        assert_eq!((frame.len(), frame[1]), (127, 125));
    }

    #[test]
    fn a_close_frame_carries_its_code_and_reason() {
        assert_eq!(closed(1000, ""), b"\x88\x02\x03\xe8");
        assert_eq!(closed(1008, "no"), b"\x88\x04\x03\xf0no");
    }

    #[test]
    fn a_close_reason_is_cut_between_characters() {
        let frame = closed(4000, &"€".repeat(50));
        assert_eq!((frame.len(), frame[1]), (2 + 125, 125));
        let frame = closed(4000, &format!("a{}", "€".repeat(50)));
        assert_eq!((frame.len(), frame[1]), (2 + 123, 123));
        assert!(std::str::from_utf8(&frame[4..]).is_ok());
    }

    #[test]
    fn codes_that_must_not_be_on_the_wire_leave_an_empty_body() {
        for code in [1005, 1006, 1015] {
            assert_eq!(closed(code, "ignored"), b"\x88\x00");
        }
    }
}
