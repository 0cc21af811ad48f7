//! What a client says: a message, and for whom.

use std::sync::Arc;

use super::json::{Keep, Value, decode, is_int_key};
use crate::port::TagValue;

/// One frame of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What is forwarded.
    pub message: Message,
    /// What the recipients are tagged with.
    pub tags: Vec<(Arc<str>, TagValue)>,
}

/// The message of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text, forwarded as it is.
    Text(String),
    /// An array, of which the application's parser makes the message.
    Array,
}

/// Why a frame is refused, in the words of the original.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No JSON, or null, or JSON of more levels or tags than anybody means.
    #[error("Failed to decode the provided JSON string !")]
    NoJson,
    /// Neither object nor list.
    #[error("The decoded JSON string is not an array !")]
    NoArray,
    /// A property that frames do not have.
    #[error("Unexpected property '{0}' !")]
    Unexpected(String),
    /// No message.
    #[error("The 'message' property is mandatory !")]
    NoMessage,
    /// A message that is no text, and nobody to parse it.
    #[error(
        "The 'message' property is not a string, you must configure a message parser to parse messages !"
    )]
    NoParser,
    /// A message that is neither text nor array.
    #[error("Invalid 'message' property !")]
    BadMessage,
    /// Metadata or tags that are no array. Here the original ended.
    #[error("The '{0}' property is not an array !")]
    BadProperty(&'static str),
    /// A tag whose name is a number.
    #[error("The tag name '{0}' is not a string !")]
    BadName(String),
    /// A tag whose value is neither int nor string.
    #[error("The tag named '{0}' has a value which is not an integer or a string !")]
    BadValue(String),
}

impl Frame {
    /// Reads a frame. `parser`: whether there is one for messages that are no text.
    pub fn read(text: &[u8], parser: bool) -> Result<Self, Refusal> {
        let is_null = || text.trim_ascii() == b"null";
        let entries = match decode(text, Keep::Frame) {
            None => return Err(Refusal::NoJson),
            Some(Value::Array(entries)) => entries,
            Some(Value::Other) if is_null() => return Err(Refusal::NoJson),
            Some(_) => return Err(Refusal::NoArray),
        };
        let (mut message, mut tags, mut metadata) = (None, None, None);
        for (key, value) in entries {
            match &*key {
                "message" => message = Some(value),
                "tags" => tags = Some(value),
                "metadata" => metadata = Some(value),
                _ => return Err(Refusal::Unexpected(key)),
            }
        }
        let message = match message.ok_or(Refusal::NoMessage)? {
            Value::Text(text) => Message::Text(text),
            _ if !parser => return Err(Refusal::NoParser),
            Value::Array(_) => Message::Array,
            _ => return Err(Refusal::BadMessage),
        };
        if !matches!(metadata, None | Some(Value::Array(_))) {
            return Err(Refusal::BadProperty("metadata"));
        }
        let tags = match tags {
            None => Vec::new(),
            Some(Value::Array(entries)) => entries.into_iter().map(tag).collect::<Result<_, _>>()?,
            Some(_) => return Err(Refusal::BadProperty("tags")),
        };
        Ok(Self { message, tags })
    }
}

fn tag((name, value): (String, Value)) -> Result<(Arc<str>, TagValue), Refusal> {
    if is_int_key(&name) {
        return Err(Refusal::BadName(name));
    }
    match value {
        Value::Int(number) => Ok((name.into(), number.into())),
        Value::Text(text) => Ok((name.into(), (&*text).into())),
        _ => Err(Refusal::BadValue(name)),
    }
}
