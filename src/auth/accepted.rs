//! The identity of an accepted client, and the rules that it must keep to.

use std::time::Duration;

use crate::queue::{Identity, TagValue};

/// The rules for topics and tags of a new connection: the hub's, and the limits.
#[derive(Debug, Clone, Copy)]
pub struct TraitRules {
    /// Returns true if a topic may have this name.
    pub is_topic: fn(&str) -> bool,
    /// Returns true if a connection may have this tag.
    pub is_tag: fn(&str, &TagValue) -> bool,
    /// `limits.maxTopics`.
    pub max_topics: usize,
    /// `limits.maxTags`.
    pub max_tags: usize,
}

/// A client that may come in.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    /// The identity of the client.
    pub identity: Identity,
    /// When it must go, since 1970.
    pub until: Option<Duration>,
}
