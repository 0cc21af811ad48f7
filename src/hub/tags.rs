//! The names and values of tags.

use std::sync::Arc;

use crate::queue::TagValue;

/// A value for comparison: `12` and `"12"` are equal, as they are as keys of a PHP array, and `"012"` is another value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum TagKey {
    Int(i64),
    Text(Arc<str>),
}

/// An error in tags that were to be added. None was added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// A name that is not 1 to 200 bytes without control characters.
    #[error("{0:?} is not the name of a tag: 1 to 200 bytes of UTF-8 without control characters")]
    BadName(String),
    /// A value that is longer than 200 bytes.
    #[error("the value of the tag {name} has {length} bytes; it may have {MAX_TEXT}")]
    LongValue {
        /// The tag.
        name: String,
        /// Its size in bytes.
        length: usize,
    },
    /// The connection would have more tags than it may have.
    #[error("a connection may have at most {limit} tags (limits.maxTags)")]
    TooMany {
        /// `limits.maxTags`.
        limit: usize,
    },
}

impl From<&TagValue> for TagKey {
    fn from(value: &TagValue) -> Self {
        match value {
            TagValue::Int(number) => Self::Int(*number),
            TagValue::Text(text) => match text.parse::<i64>() {
                // Texts such as "+1", "01" and "-0" are no numbers here.
                Ok(number) if number.to_string() == **text => Self::Int(number),
                _ => Self::Text(text.clone()),
            },
        }
    }
}

/// Checks the name of a tag.
pub fn check_tag_name(name: &str) -> Result<(), TagError> {
    if (1..=MAX_TEXT).contains(&name.len()) && !name.contains(char::is_control) {
        return Ok(());
    }
    Err(TagError::BadName(name.chars().take(MAX_TEXT).collect()))
}

/// Checks the name and the value of a tag.
pub fn check_tag(name: &str, value: &TagValue) -> Result<(), TagError> {
    check_tag_name(name)?;
    match value {
        TagValue::Text(text) if text.len() > MAX_TEXT => {
            Err(TagError::LongValue { name: name.to_owned(), length: text.len() })
        }
        _ => Ok(()),
    }
}

/// The most bytes of a name, and of a value.
const MAX_TEXT: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_equal_as_the_keys_of_a_php_array_are() {
        let same = |a: TagValue, b: &str| TagKey::from(&a) == TagKey::from(&TagValue::from(b));
        assert!(same(12.into(), "12") && same((-3).into(), "-3") && same("FR".into(), "FR"));
        assert!(same(i64::MIN.into(), "-9223372036854775808"));
        for (number, text) in [(1, "01"), (1, "+1"), (1, " 1"), (1, "1.0"), (0, "-0"), (0, ""), (0, "a")] {
            assert!(!same(number.into(), text), "{number} is {text:?}");
        }
        assert!(!same("FR".into(), "fr") && !same("9223372036854775808".into(), "9223372036854775807"));
    }

    #[test]
    fn a_tag_has_a_name_without_control_characters_and_at_most_200_bytes_of_each() {
        let long = "é".repeat(100);
        assert_eq!(check_tag(&long, &TagValue::from(&*long)), Ok(()));
        for name in ["", "a\0", "a\nb", &format!("{long}x")] {
            assert!(matches!(check_tag(name, &1.into()), Err(TagError::BadName(_))), "{name:?}");
        }
        let error = check_tag("a", &TagValue::from(&*format!("{long}x"))).unwrap_err();
        assert_eq!(error.to_string(), "the value of the tag a has 201 bytes; it may have 200");
        assert_eq!(check_tag("\"*' &|", &TagValue::from("\0*\"'")), Ok(()));
    }
}
