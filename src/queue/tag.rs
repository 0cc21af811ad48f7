//! The value of a tag, as it crosses with an accepted client.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// The value of a tag, as it was given. `hub::check_tag` has the limit of a text: a process that reads one from another
/// process checks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TagValue {
    /// A number.
    Int(i64),
    /// A text.
    Text(Arc<str>),
}

impl fmt::Display for TagValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<&str> for TagValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<i64> for TagValue {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}
