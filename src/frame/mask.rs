//! Masking (RFC 6455 §5.3): XOR with a repeating key of four bytes.

/// Masks or unmasks `payload` in place (RFC 6455 §5.3). Its first byte takes the key's first.
///
/// For a payload that continues one already begun, turn the key first: see [`rotated`].
#[inline]
pub fn apply(payload: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let wide = [a, b, c, d, a, b, c, d];
    let word = u64::from_ne_bytes(wide);
    // Whole words without a bounds check: LLVM turns this loop into vector instructions.
    let (words, tail) = payload.as_chunks_mut::<8>();
    for bytes in words {
        *bytes = (u64::from_ne_bytes(*bytes) ^ word).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(wide) {
        *byte ^= key;
    }
}

/// As [`apply`]; true if the result is all ASCII, which the same pass over the bytes finds out.
#[inline]
pub fn apply_to_text(payload: &mut [u8], key: [u8; 4]) -> bool {
    let [a, b, c, d] = key;
    let wide = [a, b, c, d, a, b, c, d];
    let word = u64::from_ne_bytes(wide);
    let (words, tail) = payload.as_chunks_mut::<8>();
    let mut high = 0;
    for bytes in words {
        let clear = u64::from_ne_bytes(*bytes) ^ word;
        high |= clear;
        *bytes = clear.to_ne_bytes();
    }
    // A byte at a time, the tail would cost as much as all the words of a short text.
    let (half, tail) = tail.as_chunks_mut::<4>();
    let mut last = 0;
    for bytes in half {
        let clear = u32::from_ne_bytes(*bytes) ^ u32::from_ne_bytes(key);
        high |= u64::from(clear);
        *bytes = clear.to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key) {
        *byte ^= key;
        last |= *byte;
    }
    high & HIGH_BITS == 0 && last.is_ascii()
}

/// The key as it stands after `processed` bytes of a payload (RFC 6455 §5.3).
#[must_use]
#[inline]
pub fn rotated(mut key: [u8; 4], processed: usize) -> [u8; 4] {
    key.rotate_left(processed % 4);
    key
}

/// The bits that no ASCII character has.
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// §5.3, as the RFC writes it.
    fn by_the_book(payload: &[u8], key: [u8; 4]) -> Vec<u8> {
        payload.iter().enumerate().map(|(i, byte)| byte ^ key[i % 4]).collect()
    }

    #[test]
    fn the_example_of_the_rfc_unmasks_to_hello() {
        let mut payload = *b"\x7f\x9f\x4d\x51\x58";
        apply(&mut payload, [0x37, 0xfa, 0x21, 0x3d]);
        assert_eq!(&payload, b"Hello");
    }

    proptest! {
        #[test]
        fn any_length_at_any_alignment_equals_the_rfc(
            bytes in prop::collection::vec(any::<u8>(), 0..300), skip in 0usize..16, key: [u8; 4],
        ) {
            let skip = skip.min(bytes.len());
            let expected = by_the_book(&bytes[skip..], key);
            let mut masked = bytes;
            apply(&mut masked[skip..], key);
            prop_assert_eq!(&masked[skip..], &expected[..]);
            apply(&mut masked[skip..], key);
            let ascii = apply_to_text(&mut masked[skip..], key);
            prop_assert_eq!((&masked[skip..], ascii), (&expected[..], expected.is_ascii()));
        }

        #[test]
        fn one_byte_that_is_not_ascii_is_seen_wherever_it_is(len in 1usize..300, at in 0usize..300, key: [u8; 4]) {
            let mut text = vec![b'x'; len];
            text[at % len] = 0x80;
            apply(&mut text, key);
            prop_assert!(!apply_to_text(&mut text, key));
            apply(&mut text, key);
            text[at % len] ^= 0x80;
            prop_assert!(apply_to_text(&mut text, key));
        }

        #[test]
        fn pieces_with_a_rotated_key_equal_the_whole(
            bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 0usize..300, key: [u8; 4],
        ) {
            let cut = cut.min(bytes.len());
            let expected = by_the_book(&bytes, key);
            let mut masked = bytes;
            let (head, tail) = masked.split_at_mut(cut);
            apply(head, key);
            apply(tail, rotated(key, cut));
            prop_assert_eq!(masked, expected);
        }
    }
}
