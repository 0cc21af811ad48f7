//! Who is in a topic, by user: what is said of it, and to whom it is told.

use std::{sync::Arc, time::Duration};

use serde::Serialize;

use crate::queue::PresenceChange;

/// Who is in a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Presence {
    /// The users, each once, in the order of their bytes.
    pub users: Vec<Arc<str>>,
    /// The topic's subscribers, also those that are no user.
    pub connections: usize,
}

/// Of which topics it is told who comes and goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Announced {
    /// Names of topics; with `*` at the end, of all that begin so.
    pub topics: Vec<Box<str>>,
    /// How long a user may be away before it has left.
    pub grace: Duration,
    /// Whether the topic's subscribers are told.
    pub to_clients: bool,
}

impl Presence {
    /// Of users in any order, as often as they come. Not under a lock: sorting many takes its time.
    pub(super) fn new(mut users: Vec<Arc<str>>, connections: usize) -> Self {
        users.sort_unstable();
        users.dedup();
        Self { users, connections }
    }
}

impl PresenceChange {
    /// What the topic's subscribers get.
    pub fn message(&self) -> String {
        #[derive(Serialize)]
        struct Message<'a> {
            event: &'a str,
            topic: &'a str,
            user: &'a str,
        }
        let event = if self.joined { "join" } else { "leave" };
        // Strings can be written.
        serde_json::to_string(&Message { event, topic: &self.topic, user: &self.user }).unwrap_or_default()
    }
}

impl Announced {
    pub(super) fn covers(&self, topic: &str) -> bool {
        self.topics.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => topic.starts_with(beginning),
            None => **pattern == *topic,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::ConnectionId;

    #[test]
    fn a_star_at_the_end_covers_every_topic_that_begins_so() {
        let covers = |pattern: &str, topic: &str| {
            Announced { topics: vec![pattern.into()], ..Announced::default() }.covers(topic)
        };
        for (pattern, topic) in
            [("*", "a"), ("room.*", "room."), ("room.*", "room.1"), ("a*", "a*"), ("a", "a")]
        {
            assert!(covers(pattern, topic), "{pattern} {topic}");
        }
        for (pattern, topic) in [("room.*", "room"), ("*.a", "b.a"), ("a", "ab"), ("a*b", "aab")] {
            assert!(!covers(pattern, topic), "{pattern} {topic}");
        }
        assert!(!Announced::default().covers("a"));
    }

    #[test]
    fn subscribers_get_json_whatever_the_user_is_called() {
        let change = PresenceChange {
            topic: "a\"b".into(),
            user: "\u{1}é\\".into(),
            joined: false,
            connection: ConnectionId::new(0, 0, 1),
        };
        assert_eq!(change.message(), r#"{"event":"leave","topic":"a\"b","user":"\u0001é\\"}"#);
    }
}
