//! An index of the open connections by topic, user and tag.
//!
//! It holds only connections that have one of these. Each has a *key*, a small number, so that sets of connections are
//! compressed bitmaps: [`search`] computes the connections of an audience by intersections and unions of these sets.
//! The topics, users and tags of one connection are changed by one thread at a time; changes of different connections
//! have no order. Memory grows with the subscriptions, users and tags of the open connections, which the limits of a
//! connection bound. A connection that closes is taken out of every set.
//!
//! [`presence`] derives from the same sets which users join and leave topics.

mod due_time;
mod pace;
mod pages;
mod presence;
mod presence_deltas;
#[cfg(test)]
mod presence_tests;
mod search;
mod set;
#[cfg(test)]
mod tests;

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap, hash_map::Entry},
    hash::Hash,
    ops::Bound,
    sync::{Arc, atomic::AtomicBool},
    time::Instant,
};

use parking_lot::Mutex;

use self::{due_time::DueTime, pages::Pages, presence_deltas::PresenceDeltas, set::KeySet};
use super::tags::TagKey;
use crate::queue::{ConnectionId, TagValue};

/// The index of the open connections of a server. A change locks it, and so does a search while it copies sets; a
/// message on a shard never does.
#[derive(Debug)]
pub struct Directory {
    shards: usize,
    index: Mutex<Index>,
    /// The time at which a presence delta is due. Read without the lock.
    next_due: DueTime,
    announcing: AtomicBool,
}

#[derive(Debug)]
struct Index {
    /// The connection of each key that is in one of the sets below.
    ids: Pages<ConnectionId>,
    topics: HashMap<Arc<str>, KeySet>,
    /// The topics in the order of their bytes.
    topic_names: BTreeSet<Arc<str>>,
    users: HashMap<Arc<str>, KeySet>,
    /// The user of each key that has one.
    users_by_key: Pages<Option<Arc<str>>>,
    tags: HashMap<Arc<str>, Tagged>,
    deltas: PresenceDeltas,
}

/// The connections that have a tag.
#[derive(Debug)]
struct Tagged {
    all: KeySet,
    by_value: HashMap<TagKey, KeySet>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            ids: Pages::new(NO_CONNECTION),
            topics: HashMap::new(),
            topic_names: BTreeSet::new(),
            users: HashMap::new(),
            users_by_key: Pages::new(None),
            tags: HashMap::new(),
            deltas: PresenceDeltas::default(),
        }
    }
}

impl Directory {
    /// Makes an empty directory for the connections of `shards` shards.
    pub(super) fn new(shards: usize) -> Self {
        Self {
            shards: shards.max(1),
            index: Mutex::default(),
            next_due: DueTime::new(Instant::now()),
            announcing: AtomicBool::new(false),
        }
    }

    /// Adds a connection to a topic. Returns the topic's shared name.
    pub(super) fn join(&self, id: ConnectionId, topic: &str) -> Arc<str> {
        let mut index = self.index.lock();
        let key = self.key(id);
        index.set_id(key, id);
        let first_of = index.user_without_others(key, topic);
        let topic = insert_shared(&mut index.topics, topic, key);
        if !index.topic_names.contains(&topic) {
            index.topic_names.insert(topic.clone());
        }
        if let Some(user) = first_of {
            index.deltas.join((topic.clone(), user), id, Instant::now());
            self.update_next_due(&index);
        }
        topic
    }

    /// Takes a connection out of a topic that it has joined. `gone` is true if the connection was closed, and not by
    /// the consumer: then its messages may not all have reached the consumer, and its leave waits for
    /// [`release`](Self::release).
    pub(super) fn leave(&self, id: ConnectionId, topic: &Arc<str>, gone: bool) {
        let mut index = self.index.lock();
        let key = self.key(id);
        if remove(&mut index.topics, &**topic, key) {
            index.topic_names.remove(topic);
        }
        if let Some(user) = index.user_without_others(key, topic) {
            index.deltas.leave((topic.clone(), user), id, Instant::now(), gone);
            self.update_next_due(&index);
        }
    }

    /// Sets the user of a connection. Returns the user's shared name. Called before the connection joins its first
    /// topic; the user stays until the connection has left its last topic.
    pub(super) fn add_user(&self, id: ConnectionId, user: &str) -> Arc<str> {
        let mut index = self.index.lock();
        let key = self.key(id);
        index.set_id(key, id);
        let user = insert_shared(&mut index.users, user, key);
        index.users_by_key.set(key, Some(user.clone()));
        user
    }

    /// Takes the user from a connection.
    pub(super) fn remove_user(&self, id: ConnectionId, user: &str) {
        let mut index = self.index.lock();
        index.users_by_key.set(self.key(id), None);
        remove(&mut index.users, user, self.key(id));
    }

    /// Adds a tag to a connection, replacing the value `old`. Returns the tag's shared name.
    pub(super) fn tag(
        &self,
        id: ConnectionId,
        name: &str,
        old: Option<&TagValue>,
        value: &TagValue,
    ) -> Arc<str> {
        let mut index = self.index.lock();
        let key = self.key(id);
        index.set_id(key, id);
        let shared = index.tags.get_key_value(name).map_or_else(|| name.into(), |(name, _)| name.clone());
        let tagged = index
            .tags
            .entry(Arc::clone(&shared))
            .or_insert_with(|| Tagged { all: KeySet::One(key), by_value: HashMap::new() });
        tagged.all.insert(key);
        if let Some(old) = old {
            remove(&mut tagged.by_value, &old.into(), key);
        }
        insert(&mut tagged.by_value, value.into(), key);
        shared
    }

    /// Takes a tag from a connection that has it.
    pub(super) fn untag(&self, id: ConnectionId, name: &str, value: &TagValue) {
        let mut index = self.index.lock();
        let Some(tagged) = index.tags.get_mut(name) else { return };
        remove(&mut tagged.by_value, &value.into(), self.key(id));
        if tagged.all.remove(self.key(id)) {
            index.tags.remove(name);
        }
    }

    /// The shared name of a topic and its number of subscribers; `None` without a subscriber.
    pub fn topic(&self, name: &str) -> Option<(Arc<str>, usize)> {
        let index = self.index.lock();
        index.topics.get_key_value(name).map(|(name, keys)| (name.clone(), keys.len()))
    }

    /// The number of topics that have subscribers.
    pub fn topics(&self) -> usize {
        self.index.lock().topics.len()
    }

    /// The topics that begin with `prefix` and come after `after`, in the order of their bytes, at most `most`; each
    /// with its number of subscribers.
    pub fn topics_from(&self, prefix: &str, after: Option<&str>, most: usize) -> Vec<(Arc<str>, usize)> {
        let index = self.index.lock();
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let names = index.topic_names.range::<str, _>((from, Bound::Unbounded));
        let wanted = names.take_while(|topic| topic.starts_with(prefix)).take(most);
        wanted.map(|topic| (topic.clone(), index.topics.get(topic).map_or(0, KeySet::len))).collect()
    }

    /// The key of a connection.
    fn key(&self, id: ConnectionId) -> u32 {
        // At most 26 bits.
        (id.place() * self.shards + id.shard()) as u32
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let index = self.index.lock();
        index.topics.is_empty()
            && index.topic_names.is_empty()
            && index.users.is_empty()
            && index.users_by_key.iter().all(Option::is_none)
            && index.tags.is_empty()
    }
}

impl Index {
    fn set_id(&mut self, key: u32, id: ConnectionId) {
        if *self.ids.get(key) != id {
            self.ids.set(key, id);
        }
    }
}

fn insert<K: Hash + Eq>(sets: &mut HashMap<K, KeySet>, name: K, key: u32) {
    match sets.entry(name) {
        Entry::Occupied(mut keys) => keys.get_mut().insert(key),
        Entry::Vacant(place) => drop(place.insert(KeySet::One(key))),
    }
}

/// Inserts into the set of a name. Returns the shared copy of that name.
fn insert_shared(sets: &mut HashMap<Arc<str>, KeySet>, name: &str, key: u32) -> Arc<str> {
    let shared = sets.get_key_value(name).map_or_else(|| name.into(), |(name, _)| name.clone());
    insert(sets, Arc::clone(&shared), key);
    shared
}

/// Removes a key from the set of a name, and the set with its last key. Returns true if the set was removed.
fn remove<K: Hash + Eq + Borrow<Q>, Q: Hash + Eq + ?Sized>(
    sets: &mut HashMap<K, KeySet>,
    name: &Q,
    key: u32,
) -> bool {
    let is_last = sets.get_mut(name).is_some_and(|keys| keys.remove(key));
    if is_last {
        sets.remove(name);
    }
    is_last
}

/// An id that no connection has.
const NO_CONNECTION: ConnectionId = ConnectionId::new(0, 0, 0);
