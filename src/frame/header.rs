//! The head of a client frame (RFC 6455 §5.2): 6 to 14 bytes, refused at the first bad one.

use super::{
    opcode::{MAX_CONTROL, OpCode},
    violation::Violation,
};

/// The head of one client frame (RFC 6455 §5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// True for the last fragment of a message.
    pub fin: bool,
    /// Type of the frame.
    pub opcode: OpCode,
    /// True if it begins a compressed message (RSV1, RFC 7692 §6).
    pub compressed: bool,
    /// The key the payload is masked with (§5.3). There always is one: unmasked frames are refused.
    pub mask: [u8; 4],
    /// Bytes of payload that follow. Declared by the peer: compare it, never allocate it.
    pub length: u64,
    header_len: usize,
}

impl Header {
    /// Reads a client frame header from the start of `bytes` (RFC 6455 §5.2).
    ///
    /// `Ok(None)` means that more bytes are needed. Everything that one frame alone can do wrong is
    /// refused as early as the first offending byte, even while the rest is missing.
    #[inline]
    pub fn decode(bytes: &[u8]) -> Result<Option<Self>, Violation> {
        Self::decode_after(bytes, false, |_| Ok(()))
    }

    /// As [`Header::decode`], where `deflate` allows compressed messages and `opcode_fits` decides
    /// whether the opcode may come here.
    ///
    /// `opcode_fits` is called on the first byte, before later bytes of the header are read, so that the
    /// violation does not depend on the number of bytes that have arrived.
    #[inline]
    pub(super) fn decode_after(
        bytes: &[u8],
        deflate: bool,
        opcode_fits: impl FnOnce(OpCode) -> Result<(), Violation>,
    ) -> Result<Option<Self>, Violation> {
        let Some((&first, rest)) = bytes.split_first() else { return Ok(None) };
        let compressed = first & RSV1 != 0;
        if first & RSV & !RSV1 != 0 || compressed && !deflate {
            return Err(Violation::ReservedBits);
        }
        let opcode = OpCode::from_nibble(first & OPCODE)?;
        // The first frame speaks for its message, and control frames are never compressed.
        if compressed && !matches!(opcode, OpCode::Text | OpCode::Binary) {
            return Err(Violation::ReservedBits);
        }
        let fin = first & FIN != 0;
        if !fin && opcode.is_control() {
            return Err(Violation::FragmentedControl);
        }
        opcode_fits(opcode)?;

        let Some((&second, rest)) = rest.split_first() else { return Ok(None) };
        if second & MASKED == 0 {
            return Err(Violation::Unmasked);
        }
        let short = second & !MASKED;
        if opcode.is_control() {
            if short > MAX_CONTROL {
                return Err(Violation::ControlTooLong);
            }
            // A close body is a two-byte code and a reason: one byte can never become either.
            if opcode == OpCode::Close && short == 1 {
                return Err(Violation::InvalidCloseLength);
            }
        }

        let (length, length_len) = if short <= MAX_CONTROL {
            (u64::from(short), 0)
        } else {
            match long_length(short, rest)? {
                Some(long) => long,
                None => return Ok(None),
            }
        };
        let Some(&mask) = rest.get(length_len..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
        Ok(Some(Self { fin, opcode, compressed, mask, length, header_len: 2 + length_len + 4 }))
    }

    /// Bytes of the header itself.
    #[must_use]
    #[inline]
    pub const fn header_len(&self) -> usize {
        self.header_len
    }
}

/// The 16- or 64-bit length at the start of `bytes` (RFC 6455 §5.2), and how many bytes it takes.
fn long_length(short: u8, bytes: &[u8]) -> Result<Option<(u64, usize)>, Violation> {
    if short == 126 {
        let Some(&length) = bytes.first_chunk() else { return Ok(None) };
        let length = u16::from_be_bytes(length);
        if length <= u16::from(MAX_CONTROL) {
            return Err(Violation::NonMinimalLength);
        }
        return Ok(Some((u64::from(length), 2)));
    }
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        return Err(Violation::LengthTopBit);
    }
    // Six zero bytes prove that 16 bits would have done, before the last two have come.
    if bytes.first_chunk() == Some(&[0; 6]) {
        return Err(Violation::NonMinimalLength);
    }
    let Some(&length) = bytes.first_chunk() else { return Ok(None) };
    Ok(Some((u64::from_be_bytes(length), 8)))
}

/// The longest header a client can send: 2 bytes, a 64-bit length, a mask.
pub(super) const MAX_CLIENT_HEADER: usize = 14;

const FIN: u8 = 0x80;
const RSV: u8 = 0x70;
const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0F;
const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(bytes: &[u8]) -> Header {
        Header::decode(bytes).unwrap().unwrap()
    }

    /// The violation that `bytes` prove, after checking that one byte fewer does not.
    fn first_proof(bytes: &[u8]) -> Violation {
        let (_, before) = bytes.split_last().unwrap();
        assert_eq!(Header::decode(before), Ok(None), "{before:02x?} proves nothing yet");
        Header::decode(bytes).unwrap_err()
    }

    #[test]
    fn a_short_header_is_six_bytes() {
        let expected = Header {
            fin: true,
            opcode: OpCode::Text,
            compressed: false,
            mask: [1, 2, 3, 4],
            length: 5,
            header_len: 6,
        };
        assert_eq!(header(b"\x81\x85\x01\x02\x03\x04hello"), expected);
    }

    #[test]
    fn lengths_take_the_form_that_the_second_byte_names() {
        assert_eq!(header(b"\x82\xfd\0\0\0\0").length, 125);
        let medium = header(b"\x82\xfe\x00\x7e\0\0\0\0");
        assert_eq!((medium.length, medium.header_len()), (126, 8));
        assert_eq!(header(b"\x82\xfe\xff\xff\0\0\0\0").length, 65_535);
        let long = header(b"\x82\xff\0\0\0\0\0\x01\0\0\0\0\0\0");
        assert_eq!((long.length, long.header_len()), (65_536, MAX_CLIENT_HEADER));
        assert_eq!(header(b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0").length, u64::MAX >> 1);
    }

    #[test]
    fn an_incomplete_header_asks_for_more_at_every_byte() {
        for whole in [
            &b"\x01\x80\x01\x02\x03\x04"[..],
            b"\x82\xfe\x00\x7e\x01\x02\x03\x04",
            b"\x80\xff\0\0\0\0\0\x01\0\0\x01\x02\x03\x04",
        ] {
            for cut in 0..whole.len() {
                assert_eq!(Header::decode(&whole[..cut]), Ok(None));
            }
            assert_eq!(header(whole).header_len(), whole.len());
            assert_eq!(header(whole).mask, [1, 2, 3, 4]);
        }
    }

    #[test]
    fn reserved_bits_are_refused_on_the_first_byte() {
        for first in [0xC1, 0xA1, 0x91, 0xF1, 0x41, 0xC9] {
            assert_eq!(first_proof(&[first]), Violation::ReservedBits);
        }
    }

    #[test]
    fn reserved_opcodes_are_refused_on_the_first_byte() {
        for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
            assert_eq!(first_proof(&[0x80 | opcode]), Violation::ReservedOpCode(opcode));
        }
    }

    #[test]
    fn fragmented_control_frames_are_refused_on_the_first_byte() {
        for first in [0x08, 0x09, 0x0A] {
            assert_eq!(first_proof(&[first]), Violation::FragmentedControl);
        }
    }

    #[test]
    fn unmasked_frames_are_refused_on_the_second_byte() {
        assert_eq!(first_proof(b"\x81\x05"), Violation::Unmasked);
        assert_eq!(first_proof(b"\x89\x7e"), Violation::Unmasked);
    }

    #[test]
    fn long_control_frames_are_refused_on_the_second_byte() {
        assert_eq!(first_proof(b"\x89\xfe"), Violation::ControlTooLong);
        assert_eq!(first_proof(b"\x88\xff"), Violation::ControlTooLong);
        assert_eq!(header(b"\x8a\xfd\0\0\0\0").length, 125);
    }

    #[test]
    fn a_close_body_of_one_byte_is_refused_on_the_second_byte() {
        assert_eq!(first_proof(b"\x88\x81"), Violation::InvalidCloseLength);
    }

    #[test]
    fn lengths_that_fit_a_shorter_form_are_refused_at_the_byte_that_proves_it() {
        assert_eq!(first_proof(b"\x81\xfe\x00\x7d"), Violation::NonMinimalLength);
        assert_eq!(first_proof(b"\x81\xfe\x00\x00"), Violation::NonMinimalLength);
        assert_eq!(first_proof(b"\x81\xff\0\0\0\0\0\0"), Violation::NonMinimalLength);
        assert_eq!(Header::decode(b"\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0"), Err(Violation::NonMinimalLength));
    }

    #[test]
    fn a_length_with_the_top_bit_is_refused_on_its_first_byte() {
        assert_eq!(first_proof(b"\x81\xff\x80"), Violation::LengthTopBit);
    }

    #[test]
    fn an_opcode_out_of_place_is_refused_before_the_second_byte_is_looked_at() {
        let refuse = |_| Err(Violation::UnexpectedContinuation);
        for bytes in [&b"\x80"[..], b"\x80\x05"] {
            assert_eq!(Header::decode_after(bytes, false, refuse), Err(Violation::UnexpectedContinuation));
        }
    }
}
