//! Sec-WebSocket-Accept: the proof that a server has read a handshake as a WebSocket's (RFC 6455 §4.2.2).

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use data_encoding::BASE64;

/// Derives Sec-WebSocket-Accept from a client's Sec-WebSocket-Key (RFC 6455 §4.2.2, 5.4): the base64 of the
/// SHA-1 of the key and [`GUID`]. SHA-1 protects nothing here; the RFC prescribes it.
pub(super) fn accept_key(key: &[u8]) -> [u8; LENGTH] {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key);
    context.update(GUID);
    let mut accept_key = [0; LENGTH];
    // The base64 of a SHA-1 has 28 characters; zip keeps that from being an assertion.
    for (to, from) in accept_key.iter_mut().zip(BASE64.encode(context.finish().as_ref()).bytes()) {
        *to = from;
    }
    accept_key
}

/// Decides whether `key` is the base64 of 16 bytes: 22 characters and two of padding. The last character holds two
/// bits that count and four that a decoder may ignore (RFC 4648 §3.5); they are not checked, because the key
/// that RFC 6455 §4.1 prints, `AQIDBAUGBwgJCgsMDQ4PEC==`, has one of them set. Nothing depends on them: the
/// key is hashed as it stands.
pub(super) fn is_key(key: &[u8]) -> bool {
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let Some(digits) = key.strip_suffix(b"==") else { return false };
    digits.len() == 22 && digits.iter().all(is_digit)
}

/// Characters of a Sec-WebSocket-Accept.
const LENGTH: usize = 28;
/// RFC 6455 §1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

    use super::*;

    #[test]
    fn the_key_that_the_rfc_prints_has_the_answer_that_it_prints() {
        assert_eq!(accept_key(b"dGhlIHNhbXBsZSBub25jZQ=="), *b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    proptest! {
        #[test]
        fn tungstenite_derives_the_same_from_any_bytes(key in prop::collection::vec(any::<u8>(), 0..80)) {
            let expected = derive_accept_key(&key);
            prop_assert_eq!(&accept_key(&key)[..], expected.as_bytes());
        }
    }
}
