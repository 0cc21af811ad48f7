//! The tags in the URL of a client.

use std::sync::Arc;

use super::{
    frame::FrameRefusal,
    json::{Keep, Value, decode, is_int_key},
};
use crate::{
    http::form_decoded,
    port::{TagError, TagValue, check_tag},
};

/// An error in the tags of a client's URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTags {
    /// The parameter is not JSON, or neither an object nor a list.
    #[error("The 'tags' URL parameter is not a JSON array !")]
    NoArray,
    /// The value of a tag is neither int nor string.
    #[error("The '{0}' tag is not an integer or a string !")]
    BadValue(String),
    /// The name of a tag is a number.
    #[error(transparent)]
    BadName(FrameRefusal),
    /// A tag that connections cannot have, or too many tags.
    #[error(transparent)]
    Refused(#[from] TagError),
}

/// Reads the parameter `tags` of a query string. Without the parameter there are no tags. `limit` is the most tags that
/// a connection may have.
pub fn connection_tags(query: &str, limit: usize) -> Result<Vec<(Arc<str>, TagValue)>, BadTags> {
    let Some(json) = parameter(query, "tags") else { return Ok(Vec::new()) };
    let Some(Value::Array(entries)) = decode(&json, Keep::Entries) else { return Err(BadTags::NoArray) };
    if let Some((name, _)) =
        entries.iter().find(|(_, value)| !matches!(value, Value::Int(_) | Value::Text(_)))
    {
        return Err(BadTags::BadValue(name.clone()));
    }
    if entries.len() > limit {
        return Err(TagError::TooMany { limit }.into());
    }
    let tag = |(name, value): (String, Value)| {
        if is_int_key(&name) {
            return Err(BadTags::BadName(FrameRefusal::BadName(name)));
        }
        let value = match value {
            Value::Int(number) => number.into(),
            Value::Text(text) => (&*text).into(),
            _ => return Err(BadTags::BadValue(name)),
        };
        check_tag(&name, &value)?;
        Ok((name.into(), value))
    };
    entries.into_iter().map(tag).collect()
}

/// The last parameter of that name, decoded.
fn parameter(query: &str, name: &str) -> Option<Vec<u8>> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .rev()
        .find(|(key, _)| form_decoded(key.as_bytes()) == name.as_bytes())
        .map(|(_, value)| form_decoded(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_from_the_url_as_php_would() {
        let tags = |query: &str| -> Vec<String> {
            let tags = connection_tags(query, 9).unwrap();
            tags.iter().map(|(name, value)| format!("{name}={value:?}")).collect()
        };
        assert_eq!(
            tags("tags={%22language%22:%22EN%22,%22id%22:12}"),
            ["language=Text(\"EN\")", "id=Int(12)"]
        );
        assert_eq!(tags("a=1&t%61gs=%7B%22n%22%3A%22a+b%2Bc%22%7D"), ["n=Text(\"a b+c\")"]);
        assert_eq!(tags("tags={\"a\":1}&tags={\"b\":2,\"c\":%22%C3%A9%22}&x"), ["b=Int(2)", "c=Text(\"é\")"]);
        for none in ["", "tag={}", "tags={}", "tags=[]", "atags=x"] {
            assert!(tags(none).is_empty(), "{none}");
        }
    }

    #[test]
    fn errors_in_the_list_of_tags_have_the_text_of_the_original() {
        let why = |query: &str| connection_tags(query, 2).unwrap_err().to_string();
        for query in
            ["tags=abcde", "tags", "tags=", "tags=12", "tags=null", "tags=%ff", "tags={\"a\":%2", "tags=%"]
        {
            assert_eq!(why(query), "The 'tags' URL parameter is not a JSON array !", "{query}");
        }
        assert_eq!(
            why("tags={\"b\":1,\"prop\":[{\"a\":1}]}"),
            "The 'prop' tag is not an integer or a string !"
        );
        assert_eq!(why("tags={\"1\":1,\"b\":null}"), "The 'b' tag is not an integer or a string !");
        assert_eq!(why("tags=[\"a\"]"), "The tag name '0' is not a string !");
        assert_eq!(why("tags={\"7\":\"a\"}"), "The tag name '7' is not a string !");
    }

    #[test]
    fn more_than_a_connection_can_have_is_refused() {
        let why = |query: &str| connection_tags(query, 2).unwrap_err();
        assert_eq!(why("tags={\"a\":1,\"b\":1,\"c\":1}"), BadTags::Refused(TagError::TooMany { limit: 2 }));
        assert!(matches!(why("tags={\"\":1}"), BadTags::Refused(TagError::BadName(_))));
        let long = format!("tags={{\"a\":\"{}\"}}", "x".repeat(201));
        assert!(matches!(why(&long), BadTags::Refused(TagError::LongValue { .. })));
    }
}
