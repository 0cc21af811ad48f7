//! The attributes of one connection: values that the application keeps with it, by key.
//!
//! They lie in one block, in the order in which their keys came, as records of
//!
//! ```text
//! length of the key, 1 byte │ length of the value, 2 bytes, little-endian │ key │ value
//! ```
//!
//! The block is searched from its start; its limit keeps that short. The hub does not read the values.

use std::iter;

/// The most bytes that all attributes of a connection may have together: keys, values, and 3 bytes for each.
pub const MAX_ATTRIBUTES: usize = 4096;

/// The most bytes of a key.
pub const MAX_ATTRIBUTE_KEY: usize = 64;

/// An error in an attribute that was to be set. The former value stays.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// A key that is not 1 to 64 bytes long.
    #[error("the key of an attribute has {length} bytes; it may have 1 to {MAX_ATTRIBUTE_KEY}")]
    BadKey {
        /// Its size in bytes.
        length: usize,
    },
    /// The attributes would have more bytes than they may have.
    #[error("the attributes of the connection would have {size} bytes; they may have {limit}")]
    TooLarge {
        /// The size of all attributes with the new value.
        size: usize,
        /// [`MAX_ATTRIBUTES`].
        limit: usize,
    },
}

/// The attributes; without one they cost no allocation.
#[derive(Debug, Default)]
pub(super) struct Attributes(Box<[u8]>);

impl Attributes {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        self.iter().find(|(k, _)| *k == key.as_bytes()).map(|(_, value)| value)
    }

    /// Sets a value. A key that is there keeps its place.
    pub(super) fn set(&mut self, key: &str, value: &[u8]) -> Result<(), AttributeError> {
        let short = u8::try_from(key.len()).ok().filter(|_| (1..=MAX_ATTRIBUTE_KEY).contains(&key.len()));
        let Some(key_length) = short else { return Err(AttributeError::BadKey { length: key.len() }) };
        let record = |value: &[u8]| HEAD + key.len() + value.len();
        let old = self.get(key).map_or(0, record);
        let size = self.0.len() - old + record(value);
        let fits = u16::try_from(value.len()).ok().filter(|_| size <= MAX_ATTRIBUTES);
        let Some(length) = fits else { return Err(AttributeError::TooLarge { size, limit: MAX_ATTRIBUTES }) };
        let mut block = Vec::with_capacity(size);
        let mut is_there = false;
        for (k, v) in self.iter() {
            if k == key.as_bytes() {
                is_there = true;
                push(&mut block, (key_length, k), (length, value));
            } else {
                // Both were set, so their lengths fit.
                push(&mut block, (k.len() as u8, k), (v.len() as u16, v));
            }
        }
        if !is_there {
            push(&mut block, (key_length, key.as_bytes()), (length, value));
        }
        self.0 = block.into();
        Ok(())
    }

    /// Removes a key.
    pub(super) fn unset(&mut self, key: &str) {
        if self.get(key).is_none() {
            return;
        }
        let mut block = Vec::with_capacity(self.0.len());
        for (k, v) in self.iter().filter(|(k, _)| *k != key.as_bytes()) {
            push(&mut block, (k.len() as u8, k), (v.len() as u16, v));
        }
        self.0 = block.into();
    }

    /// Keys and values, in the order in which the keys came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = &*self.0;
        iter::from_fn(move || {
            let ([key, low, high], after) = rest.split_first_chunk::<HEAD>()?;
            let (key, after) = after.split_at_checked(usize::from(*key))?;
            let (value, after) = after.split_at_checked(usize::from(u16::from_le_bytes([*low, *high])))?;
            rest = after;
            Some((key, value))
        })
    }
}

fn push(block: &mut Vec<u8>, (key_length, key): (u8, &[u8]), (length, value): (u16, &[u8])) {
    block.push(key_length);
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(key);
    block.extend_from_slice(value);
}

/// Bytes of a record before its key.
const HEAD: usize = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(attributes: &Attributes) -> Vec<(String, Vec<u8>)> {
        attributes.iter().map(|(k, v)| (String::from_utf8(k.to_vec()).unwrap(), v.to_vec())).collect()
    }

    #[test]
    fn attributes_have_4096_bytes_together_and_one_more_leaves_the_old_value() {
        let mut attributes = Attributes::default();
        attributes.set("a", &[1; 2000]).unwrap();
        attributes.set("b", &[2; MAX_ATTRIBUTES - 2000 - 2 * (HEAD + 1)]).unwrap();
        assert_eq!(attributes.0.len(), MAX_ATTRIBUTES);
        let too_large = |size| Err(AttributeError::TooLarge { size, limit: 4096 });
        assert_eq!(attributes.set("a", &[3; 2001]), too_large(4097));
        assert_eq!(attributes.set("c", &[]), too_large(4100));
        assert_eq!(attributes.set("a", &[3; 70_000]), too_large(4096 + 68_000));
        assert_eq!(attributes.get("a"), Some(&[1; 2000][..]));
        assert_eq!(attributes.get("c"), None);
        attributes.set("a", &[3; 2000]).unwrap();
        attributes.unset("b");
        attributes.set("c", &[]).unwrap();
        assert_eq!(attributes.0.len(), 2000 + 2 * (HEAD + 1));
    }

    #[test]
    fn a_key_has_1_to_64_bytes() {
        let mut attributes = Attributes::default();
        let longest = "ä".repeat(32);
        attributes.set(&longest, b"x").unwrap();
        assert_eq!(attributes.get(&longest), Some(&b"x"[..]));
        for key in [String::new(), longest + "a", "x".repeat(300)] {
            assert_eq!(attributes.set(&key, b""), Err(AttributeError::BadKey { length: key.len() }));
        }
    }

    proptest! {
        #[test]
        fn attributes_are_what_a_plain_list_would_be(
            steps in prop::collection::vec((0..3u8, "[a-d\u{e4}]{1,2}", prop::collection::vec(any::<u8>(), 0..9)), 0..60)
        ) {
            let mut attributes = Attributes::default();
            let mut plain: Vec<(String, Vec<u8>)> = Vec::new();
            for (step, key, value) in steps {
                if step == 0 {
                    attributes.unset(&key);
                    plain.retain(|(k, _)| *k != key);
                } else {
                    attributes.set(&key, &value).unwrap();
                    match plain.iter_mut().find(|(k, _)| *k == key) {
                        Some((_, old)) => *old = value,
                        None => plain.push((key, value)),
                    }
                }
                prop_assert_eq!(all(&attributes), plain.clone());
                prop_assert_eq!(attributes.is_empty(), plain.is_empty());
            }
        }
    }
}
