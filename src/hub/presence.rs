//! Presence: the users of a topic, and the topics whose joins and leaves are announced.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::queue::PresenceChange;

/// The users of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The users, each once, in the order of their bytes.
    pub users: Vec<Arc<str>>,
    /// The number of the topic's subscribers, including connections without a user.
    pub connections: usize,
}

/// The topics whose joins and leaves are announced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Names of topics. A `*` at the end covers all topics that begin with the text before it.
    pub topics: Vec<Box<str>>,
    /// The time for which a user may be away without a leave.
    pub grace: Duration,
    /// True if the topic's subscribers are notified too, and not only the consumer.
    pub to_clients: bool,
}

impl Presence {
    /// Makes the list from users in any order, with repetitions. Not to be called under a lock: sorting takes time.
    pub(super) fn new(mut users: Vec<Arc<str>>, connections: usize) -> Self {
        users.sort_unstable();
        users.dedup();
        Self { users, connections }
    }
}

impl PresenceChange {
    /// The JSON text for the topic's subscribers.
    pub fn message(&self) -> String {
        #[derive(Serialize)]
        struct Message<'a> {
            event: &'a str,
            topic: &'a str,
            user: &'a str,
        }
        let event = if self.joined { "join" } else { "leave" };
        // Writing strings does not fail.
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
    fn the_message_is_json_for_any_name_of_a_user() {
        let change = PresenceChange {
            topic: "a\"b".into(),
            user: "\u{1}é\\".into(),
            joined: false,
            connection: ConnectionId::new(0, 0, 1),
        };
        assert_eq!(change.message(), r#"{"event":"leave","topic":"a\"b","user":"\u0001é\\"}"#);
    }
}
