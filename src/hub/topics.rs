//! The topics of the whole process, and how many subscribe to each.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;

/// Every topic that somebody subscribes to. Locked for a subscription, never for a message of a
/// shard.
#[derive(Debug, Default)]
pub struct Topics {
    table: Mutex<HashMap<Arc<str>, Arc<AtomicUsize>>>,
}

/// Why a subscription is refused. Nothing of it was done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// Not 1 to 200 bytes of printable ASCII without spaces and commas.
    #[error("{0:?} is not a topic: 1 to 200 bytes of printable ASCII without spaces and commas")]
    BadName(String),
    /// The connection has as many topics as it may have.
    #[error("a connection may have at most {limit} topics (limits.maxTopics)")]
    TooMany {
        /// `limits.maxTopics`.
        limit: usize,
    },
}

impl Topics {
    /// One more subscriber; gives the shared name.
    pub(super) fn join(&self, name: &str) -> Arc<str> {
        let mut table = self.table.lock();
        if let Some((name, count)) = table.get_key_value(name) {
            count.fetch_add(1, Ordering::Relaxed);
            return name.clone();
        }
        let name: Arc<str> = name.into();
        table.insert(name.clone(), Arc::new(AtomicUsize::new(1)));
        name
    }

    /// One less; a topic without subscribers is forgotten.
    pub(super) fn leave(&self, name: &str) {
        let mut table = self.table.lock();
        if table.get(name).is_some_and(|count| count.fetch_sub(1, Ordering::Relaxed) == 1) {
            table.remove(name);
        }
    }

    /// The shared name and the number of subscribers; `None` if nobody subscribes.
    pub fn find(&self, name: &str) -> Option<(Arc<str>, usize)> {
        let table = self.table.lock();
        table.get_key_value(name).map(|(name, count)| (name.clone(), count.load(Ordering::Relaxed)))
    }

    /// How many topics there are.
    pub fn len(&self) -> usize {
        self.table.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Refuses what cannot name a topic.
pub fn check_topic(name: &str) -> Result<(), TopicError> {
    let fits = (1..=MAX_NAME).contains(&name.len());
    if fits && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') {
        return Ok(());
    }
    Err(TopicError::BadName(name.chars().take(MAX_NAME).collect()))
}

const MAX_NAME: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_is_printable_ascii_without_spaces_and_commas() {
        assert!(check_topic("room:42/all*").is_ok() && check_topic(&"x".repeat(200)).is_ok());
        for bad in ["", "a b", "a,b", "é", "a\n", &"x".repeat(201)] {
            assert!(check_topic(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_topic_lives_as_long_as_it_has_subscribers() {
        let topics = Topics::default();
        topics.join("a");
        topics.join("a");
        topics.leave("a");
        assert_eq!(topics.find("a").map(|(_, n)| n), Some(1));
        topics.leave("a");
        assert!(topics.find("a").is_none() && topics.is_empty());
        topics.leave("a");
    }
}
