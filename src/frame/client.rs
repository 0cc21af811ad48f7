//! Frames as a client writes them (RFC 6455 §5.1): for tests, fuzz targets and benchmarks. The server sends none.

use super::mask;

/// Writes one frame that is masked with `key`. `first` is its first byte (FIN, RSV1 to RSV3 and the opcode), as it
/// is: also one that no client may send.
pub fn frame(first: u8, key: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first, key, payload.len() as u64);
    let start = frame.len();
    frame.extend_from_slice(payload);
    mask::apply(frame.get_mut(start..).unwrap_or_default(), key);
    frame
}

/// Writes the header alone, with the shortest form of `length` (RFC 6455 §5.2), for a payload that comes later or
/// never.
pub fn header(first: u8, key: [u8; 4], length: u64) -> Vec<u8> {
    let mut header = vec![first];
    if let Ok(short @ 0..=125) = u8::try_from(length) {
        header.push(MASKED | short);
    } else if let Ok(medium) = u16::try_from(length) {
        header.push(MASKED | 126);
        header.extend(medium.to_be_bytes());
    } else {
        header.push(MASKED | 127);
        header.extend(length.to_be_bytes());
    }
    header.extend(key);
    header
}

/// A key that leaves payloads readable.
pub const CLEAR: [u8; 4] = [0; 4];

const MASKED: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masked_hello_of_the_rfc_is_written_as_it_prints_it() {
        assert_eq!(
            frame(0x81, [0x37, 0xfa, 0x21, 0x3d], b"Hello"),
            [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58]
        );
    }

    #[test]
    fn a_length_takes_the_shortest_form() {
        for (length, expected) in [
            (125, &b"\x82\xfd"[..]),
            (126, b"\x82\xfe\x00\x7e"),
            (65_535, b"\x82\xfe\xff\xff"),
            (65_536, b"\x82\xff\0\0\0\0\0\x01\0\0"),
        ] {
            assert_eq!(header(0x82, CLEAR, length), [expected, &CLEAR].concat());
        }
    }
}
