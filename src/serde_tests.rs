//! Round trips through postcard, and broken bytes: the help for unit tests of types that cross to another process.

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

/// Writes a value.
pub(crate) fn bytes(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).unwrap()
}

/// Reads a value that takes up all the bytes; `None` if they are not one.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    postcard::take_from_bytes(bytes).ok().filter(|(_, rest)| rest.is_empty()).map(|(value, _)| value)
}

/// Checks that a value comes out as it went in, and that its bytes, cut or changed, cause no panic.
pub(crate) fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let whole = bytes(value);
    assert_eq!(read::<T>(&whole).as_ref(), Some(value));
    check_broken::<T>(&whole);
}

/// Checks that bytes, cut short, are an error, and changed, an error or another value that can be written.
pub(crate) fn check_broken<T: Serialize + DeserializeOwned>(whole: &[u8]) {
    for end in 0..whole.len() {
        assert!(postcard::from_bytes::<T>(&whole[..end]).is_err(), "cut at {end}");
    }
    let mut broken = whole.to_vec();
    for at in 0..whole.len() {
        for byte in [0, 1, 2, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at].wrapping_add(1)] {
            broken[at] = byte;
            check_any::<T>(&broken);
            // A length or a number of any size.
            let long = [&whole[..at], &[0xff, 0xff, 0xff, 0xff, 0x0f], &whole[at..]].concat();
            check_any::<T>(&long);
        }
        broken[at] = whole[at];
    }
}

/// Checks that any bytes are an error, or a value that comes out as it went in.
pub(crate) fn check_any<T: Serialize + DeserializeOwned>(any: &[u8]) {
    if let Ok(value) = postcard::from_bytes::<T>(any) {
        let written = bytes(&value);
        let again = read::<T>(&written).map(|value| bytes(&value));
        assert_eq!(again, Some(written));
    }
}
