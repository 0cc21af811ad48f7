//! Presence: the users of a topic, and the topics whose joins and leaves are announced.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

use super::topics::check_topic;
use crate::queue::PresenceChange;

/// The users of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// The users, each once, in the order of their bytes.
    #[serde(deserialize_with = "in_order")]
    pub users: Vec<Arc<str>>,
    /// The number of the topic's subscribers, including connections without a user.
    pub connections: usize,
}

/// The topics whose joins and leaves are announced.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// Names of topics. A `*` at the end covers all topics that begin with the text before it.
    #[serde(deserialize_with = "names")]
    pub topics: Vec<Box<str>>,
    /// The time for which a user may be away without a leave; at most [`MAX_GRACE`](Self::MAX_GRACE).
    #[serde(deserialize_with = "grace")]
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
    /// Ten years: small enough to be added to any instant.
    pub const MAX_GRACE: Duration = Duration::from_secs(10 * 366 * 86_400);

    pub(super) fn covers(&self, topic: &str) -> bool {
        self.topics.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(beginning) => topic.starts_with(beginning),
            None => **pattern == *topic,
        })
    }
}

/// Reads the users of a list that [`Presence::new`] made.
fn in_order<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Arc<str>>, D::Error> {
    let users = Vec::<Arc<str>>::deserialize(deserializer)?;
    if users.is_sorted_by(|one, next| one < next) {
        return Ok(users);
    }
    Err(D::Error::custom("users that are not in order, each once"))
}

fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Box<str>>, D::Error> {
    let names = Vec::<Box<str>>::deserialize(deserializer)?;
    // A name may end with a star, so every pattern is a name too.
    names.iter().try_for_each(|name| check_topic(name)).map_err(D::Error::custom)?;
    Ok(names)
}

fn grace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let grace = Duration::deserialize(deserializer)?;
    if grace <= Announced::MAX_GRACE {
        return Ok(grace);
    }
    Err(D::Error::custom("a grace of more than ten years"))
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
