//! A frame of a client: a message, and the tags of its recipients.

use std::sync::Arc;

use super::json::{Keep, Value, decode, is_int_key};
use crate::port::TagValue;

/// One frame of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The message to forward.
    pub message: Message,
    /// The tags that a recipient must have.
    pub tags: Vec<(Arc<str>, TagValue)>,
}

/// The message of a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text, which is forwarded as it is.
    Text(String),
    /// An array, which the application's parser turns into the message.
    Array,
}

/// An error in a frame, with the text of the original.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameRefusal {
    /// The frame is not JSON, or null, or has more levels or tags than are allowed.
    #[error("Failed to decode the provided JSON string !")]
    NoJson,
    /// The JSON is neither an object nor a list.
    #[error("The decoded JSON string is not an array !")]
    NoArray,
    /// The frame has an unknown property.
    #[error("Unexpected property '{0}' !")]
    Unexpected(String),
    /// The frame has no message.
    #[error("The 'message' property is mandatory !")]
    NoMessage,
    /// The message is not a text, and there is no parser.
    #[error(
        "The 'message' property is not a string, you must configure a message parser to parse messages !"
    )]
    NoParser,
    /// The message is neither a text nor an array.
    #[error("Invalid 'message' property !")]
    BadMessage,
    /// The metadata or tags are not an array. The original server ended here.
    #[error("The '{0}' property is not an array !")]
    BadProperty(&'static str),
    /// The name of a tag is a number.
    #[error("The tag name '{0}' is not a string !")]
    BadName(String),
    /// The value of a tag is neither int nor string.
    #[error("The tag named '{0}' has a value which is not an integer or a string !")]
    BadValue(String),
}

impl Frame {
    /// Reads a frame. `parser` is true if the application has a parser for messages that are not text.
    pub fn read(text: &[u8], parser: bool) -> Result<Self, FrameRefusal> {
        let is_null = || text.trim_ascii() == b"null";
        let entries = match decode(text, Keep::Frame) {
            None => return Err(FrameRefusal::NoJson),
            Some(Value::Array(entries)) => entries,
            Some(Value::Other) if is_null() => return Err(FrameRefusal::NoJson),
            Some(_) => return Err(FrameRefusal::NoArray),
        };
        let (mut message, mut tags, mut metadata) = (None, None, None);
        for (key, value) in entries {
            match &*key {
                "message" => message = Some(value),
                "tags" => tags = Some(value),
                "metadata" => metadata = Some(value),
                _ => return Err(FrameRefusal::Unexpected(key)),
            }
        }
        let message = match message.ok_or(FrameRefusal::NoMessage)? {
            Value::Text(text) => Message::Text(text),
            _ if !parser => return Err(FrameRefusal::NoParser),
            Value::Array(_) => Message::Array,
            _ => return Err(FrameRefusal::BadMessage),
        };
        if !matches!(metadata, None | Some(Value::Array(_))) {
            return Err(FrameRefusal::BadProperty("metadata"));
        }
        let tags = match tags {
            None => Vec::new(),
            Some(Value::Array(entries)) => entries.into_iter().map(tag).collect::<Result<_, _>>()?,
            Some(_) => return Err(FrameRefusal::BadProperty("tags")),
        };
        Ok(Self { message, tags })
    }
}

fn tag((name, value): (String, Value)) -> Result<(Arc<str>, TagValue), FrameRefusal> {
    if is_int_key(&name) {
        return Err(FrameRefusal::BadName(name));
    }
    match value {
        Value::Int(number) => Ok((name.into(), number.into())),
        Value::Text(text) => Ok((name.into(), (&*text).into())),
        _ => Err(FrameRefusal::BadValue(name)),
    }
}
