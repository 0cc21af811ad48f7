//! The connections by id.

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

/// All connections that are open, or whose close the consumer has not seen. The latter count too, so that clients that
/// come and go while PHP is busy cannot fill the memory with their events.
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

    /// Adds a connection that opens. Called by its shard.
    pub(super) fn add(&self, handle: Arc<ConnectionHandle>) {
        let id = handle.id();
        if let Some(shard) = self.shards.get(id.shard()) {
            shard.lock().insert(id, handle);
            self.open.fetch_add(1, Ordering::Relaxed);
            self.held.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Marks a connection as closed and takes it out of the directory. It stays in the registry until the consumer has
    /// seen its close. Called once, by its shard.
    pub fn close(&self, id: ConnectionId, directory: &Directory) {
        let Some(handle) = self.get(id) else { return };
        self.open.fetch_sub(1, Ordering::Relaxed);
        handle.gauge().close();
        handle.leave(directory, true);
    }

    /// Forgets a closed connection. Called once, by the consumer.
    pub fn forget(&self, id: ConnectionId) {
        let forgotten = self.shards.get(id.shard()).and_then(|shard| shard.lock().remove(&id));
        if forgotten.is_some() {
            self.held.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Counts a handshake or a request whose client is gone, but which waits in memory until the consumer has seen
    /// that. Called by its shard.
    pub fn abandon(&self) {
        self.held.fetch_add(1, Ordering::Relaxed);
    }

    /// Uncounts an abandoned handshake or request. Called once, by the consumer.
    pub fn forget_abandoned(&self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }

    /// The connection of that id.
    pub fn get(&self, id: ConnectionId) -> Option<Arc<ConnectionHandle>> {
        self.shards.get(id.shard())?.lock().get(&id).cloned()
    }

    /// The ids of the open connections.
    pub(super) fn open_ids(&self) -> Vec<ConnectionId> {
        let mut ids = Vec::with_capacity(self.open());
        for shard in &self.shards {
            ids.extend(shard.lock().values().filter(|handle| handle.is_open()).map(|handle| handle.id()));
        }
        ids
    }

    /// The number of open connections.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// The number of connections, handshakes and requests that are open, or whose end the consumer has not seen.
    pub fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::SendGauge;

    fn opened(registry: &Registry) -> Arc<ConnectionHandle> {
        let handle =
            Arc::new(ConnectionHandle::new(Arc::new(SendGauge::new(ConnectionId::new(0, 3, 9))), None));
        registry.add(handle.clone());
        handle
    }

    #[test]
    fn a_closed_connection_leaves_its_topics_and_stays_until_it_is_forgotten() {
        let (registry, directory) = (Registry::new(1), Directory::new(1));
        let handle = opened(&registry);
        handle.subscribe(&["a"], &directory, 9).unwrap();
        registry.close(handle.id(), &directory);
        assert!(directory.topic("a").is_none() && !handle.is_open());
        assert_eq!((registry.open(), registry.held()), (0, 1));
        assert_eq!(handle.subscribe(&["a"], &directory, 9), Ok(vec![]));
        registry.forget(handle.id());
        registry.forget(handle.id());
        assert_eq!(registry.held(), 0);
    }

    #[test]
    fn a_stale_id_never_reaches_a_newer_connection() {
        let registry = Registry::new(1);
        let handle = opened(&registry);
        assert!(registry.get(ConnectionId::new(0, 3, 8)).is_none());
        assert!(registry.get(ConnectionId::new(5, 3, 9)).is_none());
        assert!(registry.get(handle.id()).is_some());
    }
}
