//! Presence: the users of a topic, and the joins and leaves that wait to be announced.
//!
//! Joins and leaves are computed under the lock that changes the sets, so they are exact with connections on several
//! shards at once. Deltas are taken in the order in which they are due; each is taken once.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{Directory, Index, pages::Pages, set::KeySet};
use crate::{
    hub::presence::{Announced, Presence},
    queue::{ConnectionId, PresenceChange},
};

impl Directory {
    /// The users of a topic. In an announced topic a user stays for the grace after the leave.
    pub fn presence(&self, topic: &str) -> Presence {
        let snapshot = self.index.lock().snapshot(topic, Some(Instant::now()));
        snapshot.presence()
    }

    /// Sets the topics whose joins and leaves are announced.
    pub fn announce(&self, announced: Announced) {
        let mut index = self.index.lock();
        self.announcing.store(!announced.topics.is_empty(), Ordering::Relaxed);
        index.deltas.announce(announced);
        self.update_next_due(&index);
    }

    /// True if joins and leaves of any topic are announced.
    pub fn is_announcing(&self) -> bool {
        self.announcing.load(Ordering::Relaxed)
    }

    /// Releases the leaves by a connection whose close the consumer has taken: they may be announced.
    pub(in crate::hub) fn release(&self, id: ConnectionId) {
        let mut index = self.index.lock();
        index.deltas.release(id);
        self.update_next_due(&index);
    }

    /// The time at which a join or leave is due; `None` if none waits. Takes no lock.
    pub fn next_due(&self) -> Option<Instant> {
        self.next_due.get()
    }

    /// Takes the joins and leaves that are due, as fast as subscribers may be notified. Returns them, and true if
    /// subscribers are to be notified.
    pub fn take_due(&self, now: Instant) -> (Vec<PresenceChange>, bool) {
        let mut index = self.index.lock();
        let changes = index.take_due(now);
        self.update_next_due(&index);
        (changes, index.deltas.announced().to_clients)
    }

    /// Takes the joins and leaves that are due at `by`, or all of them, without a pace. Returns them, and true if
    /// subscribers are to be notified.
    pub fn take_all(&self, by: Option<Instant>) -> (Vec<PresenceChange>, bool) {
        let mut index = self.index.lock();
        let changes = index.deltas.take(by);
        self.update_next_due(&index);
        (changes, index.deltas.announced().to_clients)
    }

    /// Does [`take_due`](Self::take_due), and returns the users of a topic as they are when these changes have been
    /// announced: under one lock, so that the list and the changes after it agree.
    pub fn take_due_and_presence(&self, topic: &str) -> (Vec<PresenceChange>, bool, Presence) {
        let mut index = self.index.lock();
        let changes = index.take_due(Instant::now());
        self.update_next_due(&index);
        let snapshot = index.snapshot(topic, None);
        let to_clients = index.deltas.announced().to_clients;
        drop(index);
        (changes, to_clients, snapshot.presence())
    }

    /// Publishes the time of the next delta. The caller holds the lock.
    pub(super) fn update_next_due(&self, index: &Index) {
        self.next_due.set(index.deltas.next_due());
    }
}

impl Index {
    /// The user of a connection, if the topic is announced and no connection of that user is in it.
    pub(super) fn user_without_others(&self, key: u32, topic: &str) -> Option<Arc<str>> {
        if !self.deltas.announced().covers(topic) {
            return None;
        }
        let user = self.users_by_key.get(key).as_ref()?;
        let sets = self.topics.get(topic).zip(self.users.get(user));
        let is_present = sets.is_some_and(|(topic, user)| topic.intersects(user));
        (!is_present).then(|| user.clone())
    }

    fn take_due(&mut self, now: Instant) -> Vec<PresenceChange> {
        let Self { deltas, topics, .. } = self;
        let to_clients = deltas.announced().to_clients;
        deltas.take_paced(now, |topic| topics.get(topic).filter(|_| to_clients).map_or(0, KeySet::len))
    }

    /// Copies the parts of the index that determine the users of a topic. With a time these are the users that are
    /// present then; without one, the users by the changes that were announced.
    pub(super) fn snapshot(&self, topic: &str, now: Option<Instant>) -> Snapshot {
        Snapshot {
            unannounced: match now {
                None => self.deltas.unannounced_joins(topic).cloned().collect(),
                Some(_) => HashSet::new(),
            },
            lingering: self.deltas.lingering(topic, now).cloned().collect(),
            keys: self.topics.get(topic).cloned(),
            users_by_key: self.users_by_key.clone(),
        }
    }
}

/// A topic's part of the index, as it was under the lock.
pub(super) struct Snapshot {
    /// Users in the topic whose join was not announced.
    unannounced: HashSet<Arc<str>>,
    /// Users whose leave of the topic was not announced.
    lingering: Vec<Arc<str>>,
    keys: Option<KeySet>,
    users_by_key: Pages<Option<Arc<str>>>,
}

impl Snapshot {
    pub(super) fn presence(self) -> Presence {
        let mut users = self.lingering;
        if let Some(keys) = &self.keys {
            let announced = |user: &&Arc<str>| !self.unannounced.contains(*user);
            keys.each(|key| users.extend(self.users_by_key.get(key).as_ref().filter(announced).cloned()));
        }
        Presence::new(users, self.keys.as_ref().map_or(0, KeySet::len))
    }
}
