//! The open connections, by id.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;

use super::{ConnectionHandle, Directory};
use crate::queue::ConnectionId;

/// Every connection that is open, or whose end the consumer has not seen yet: those count too, so
/// that clients that come and go while PHP is busy cannot fill the memory with their events.
#[derive(Debug)]
pub struct Registry {
    shards: Vec<Mutex<HashMap<ConnectionId, Arc<ConnectionHandle>>>>,
    open: AtomicUsize,
    held: AtomicUsize,
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
    pub(super) fn add(&self, member: Arc<ConnectionHandle>) {
        let id = member.id();
        if let Some(shard) = self.shards.get(id.shard()) {
            shard.lock().insert(id, member);
            self.open.fetch_add(1, Ordering::Relaxed);
            self.held.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Marks a connection as closed: it leaves the directory. It stays here until the consumer has
    /// seen it close. By its shard, once.
    pub fn close(&self, id: ConnectionId, directory: &Directory) {
        let Some(member) = self.get(id) else { return };
        self.open.fetch_sub(1, Ordering::Relaxed);
        member.gauge().close();
        member.leave(directory, true);
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
    pub fn get(&self, id: ConnectionId) -> Option<Arc<ConnectionHandle>> {
        self.shards.get(id.shard())?.lock().get(&id).cloned()
    }

    /// The ids of those to which something can still be sent.
    pub(super) fn open_ids(&self) -> Vec<ConnectionId> {
        let mut ids = Vec::with_capacity(self.open());
        for shard in &self.shards {
            ids.extend(shard.lock().values().filter(|member| member.is_open()).map(|member| member.id()));
        }
        ids
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::SendGauge;

    fn opened(registry: &Registry) -> Arc<ConnectionHandle> {
        let member =
            Arc::new(ConnectionHandle::new(Arc::new(SendGauge::new(ConnectionId::new(0, 3, 9))), None));
        registry.add(member.clone());
        member
    }

    #[test]
    fn a_closed_connection_leaves_its_topics_and_stays_until_it_is_forgotten() {
        let (registry, directory) = (Registry::new(1), Directory::new(1));
        let member = opened(&registry);
        member.subscribe(&["a"], &directory, 9).unwrap();
        registry.close(member.id(), &directory);
        assert!(directory.topic("a").is_none() && !member.is_open());
        assert_eq!((registry.open(), registry.held()), (0, 1));
        assert_eq!(member.subscribe(&["a"], &directory, 9), Ok(vec![]));
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
