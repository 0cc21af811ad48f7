//! The open connections, by id.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use parking_lot::Mutex;

use super::{TopicError, Topics, check_topic};
use crate::{connection::Peer, queue::ConnectionId};

/// Every connection that is open, or whose end the consumer has not seen yet: those count too, so
/// that clients that come and go while PHP is busy cannot fill the memory with their events.
#[derive(Debug)]
pub struct Registry {
    shards: Vec<Mutex<HashMap<ConnectionId, Arc<Member>>>>,
    open: AtomicUsize,
    held: AtomicUsize,
}

/// One connection, as every thread may see it.
#[derive(Debug)]
pub struct Member {
    peer: Arc<Peer>,
    /// `None` once the connection is closed: it cannot subscribe any more.
    topics: Mutex<Option<Vec<Arc<str>>>>,
}

impl Registry {
    pub(super) fn new(shards: usize) -> Self {
        Self {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            open: AtomicUsize::new(0),
            held: AtomicUsize::new(0),
        }
    }

    /// Adds a connection that opens. By its shard.
    pub fn open_member(&self, peer: Arc<Peer>) -> Arc<Member> {
        let id = peer.id();
        let member = Arc::new(Member { peer, topics: Mutex::new(Some(Vec::new())) });
        if let Some(shard) = self.shards.get(id.shard()) {
            shard.lock().insert(id, member.clone());
            self.open.fetch_add(1, Ordering::Relaxed);
            self.held.fetch_add(1, Ordering::Relaxed);
        }
        member
    }

    /// Marks a connection as closed: it leaves its topics. It stays here until the consumer has
    /// seen it close. By its shard, once.
    pub fn close_member(&self, id: ConnectionId, topics: &Topics) {
        let Some(member) = self.get(id) else { return };
        self.open.fetch_sub(1, Ordering::Relaxed);
        member.peer.close();
        let left = member.topics.lock().take();
        for topic in left.into_iter().flatten() {
            topics.leave(&topic);
        }
    }

    /// Forgets a closed connection. By the consumer, once.
    pub fn forget(&self, id: ConnectionId) {
        let forgotten = self.shards.get(id.shard()).and_then(|shard| shard.lock().remove(&id));
        if forgotten.is_some() {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Counts a handshake or a request that the consumer did not answer: the client is gone, but what it
    /// asked waits in memory until the consumer has seen that. By its shard.
    pub fn abandon(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    /// Uncounts it. By the consumer, once.
    pub fn forget_abandoned(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    /// The connection of that id.
    pub fn get(&self, id: ConnectionId) -> Option<Arc<Member>> {
        self.shards.get(id.shard())?.lock().get(&id).cloned()
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections that are open, or whose end the consumer has not seen, also as a handshake or a request.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

impl Member {
    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.peer.id()
    }

    /// Its gauges.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether something can still be sent to it.
    pub fn is_open(&self) -> bool {
        self.peer.is_open()
    }

    /// Bytes that wait for the client.
    pub fn buffered(&self) -> usize {
        self.peer.buffered()
    }

    /// How long its last answered ping took.
    pub fn latency(&self) -> Option<Duration> {
        self.peer.latency()
    }

    /// The topics it subscribes to, in the order of subscription.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.topics.lock().clone().unwrap_or_default()
    }

    /// Whether it subscribes to a topic.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.topics.lock().as_ref().is_some_and(|topics| topics.iter().any(|t| **t == *topic))
    }

    /// Adds topics: all of them or, with an error, none. Gives those that are new.
    pub(super) fn subscribe(
        &self,
        names: &[&str],
        topics: &Topics,
        limit: usize,
    ) -> Result<Vec<Arc<str>>, TopicError> {
        for name in names {
            check_topic(name)?;
        }
        let mut guard = self.topics.lock();
        let Some(mine) = guard.as_mut() else { return Ok(Vec::new()) };
        let mut new: Vec<&str> = Vec::new();
        for name in names {
            if !new.contains(name) && !mine.iter().any(|t| **t == **name) {
                new.push(name);
            }
        }
        if mine.len() + new.len() > limit {
            return Err(TopicError::TooMany { limit });
        }
        let added: Vec<_> = new.into_iter().map(|name| topics.join(name)).collect();
        mine.extend(added.iter().cloned());
        Ok(added)
    }

    /// Takes topics away; gives those that it had.
    pub(super) fn unsubscribe(&self, names: &[&str], topics: &Topics) -> Vec<Arc<str>> {
        let mut guard = self.topics.lock();
        let Some(mine) = guard.as_mut() else { return Vec::new() };
        let mut removed = Vec::new();
        mine.retain(|topic| {
            let stays = !names.contains(&&**topic);
            if !stays {
                removed.push(topic.clone());
            }
            stays
        });
        for topic in &removed {
            topics.leave(topic);
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(registry: &Registry) -> Arc<Member> {
        registry.open_member(Arc::new(Peer::new(ConnectionId::new(0, 3, 9))))
    }

    #[test]
    fn a_subscription_is_done_whole_or_not_at_all() {
        let (registry, topics) = (Registry::new(1), Topics::default());
        let member = opened(&registry);
        assert_eq!(member.subscribe(&["a", "b", "a"], &topics, 2).unwrap().len(), 2);
        assert!(member.subscribe(&["c"], &topics, 2).is_err());
        assert!(member.subscribe(&["c", "b a d"], &topics, 9).is_err());
        assert!(topics.find("c").is_none());
        assert_eq!(member.unsubscribe(&["a", "x"], &topics).len(), 1);
        assert!(!member.is_subscribed("a") && member.is_subscribed("b"));
    }

    #[test]
    fn a_closed_connection_leaves_its_topics_and_stays_until_it_is_forgotten() {
        let (registry, topics) = (Registry::new(1), Topics::default());
        let member = opened(&registry);
        member.subscribe(&["a"], &topics, 9).unwrap();
        registry.close_member(member.id(), &topics);
        assert!(topics.is_empty() && !member.is_open());
        assert_eq!((registry.open(), registry.held()), (0, 1));
        assert_eq!(member.subscribe(&["a"], &topics, 9), Ok(vec![]));
        registry.forget(member.id());
        registry.forget(member.id());
        assert_eq!(registry.held(), 0);
    }

    #[test]
    fn a_stale_id_never_reaches_a_newer_connection() {
        let registry = Registry::new(1);
        let member = opened(&registry);
        assert!(registry.get(ConnectionId::new(0, 3, 8)).is_none());
        assert!(registry.get(ConnectionId::new(5, 3, 9)).is_none());
        assert!(registry.get(member.id()).is_some());
    }
}
