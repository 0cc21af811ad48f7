//! Who is here, by topic, user and tag: an index over the open connections, for whoever asks who is meant.
//!
//! Only connections that have one of these are in it. Each has a *key*, a small number, so that the sets of
//! connections are compressed bitmaps, and a query is what it looks like: intersections and unions.

mod news;
#[cfg(test)]
mod presence_tests;
mod set;
#[cfg(test)]
mod tests;

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap, hash_map::Entry},
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use self::{
    news::News,
    set::{Keys, Set},
};
use super::{
    audience::Audience,
    presence::{Announced, Presence, PresenceChange},
    query::Query,
    tags::TagKey,
};
use crate::queue::{ConnectionId, TagValue};

/// An index over the open connections. Locked for a change or a question, never for a message of a shard.
#[derive(Debug)]
pub struct Directory {
    shards: usize,
    index: Mutex<Index>,
    epoch: Instant,
    /// When there are news, in nanoseconds since then: nobody takes the lock to hear that there are none.
    news_at: AtomicU64,
}

#[derive(Debug, Default)]
struct Index {
    /// By key: who has it. Only of those in the sets below.
    ids: Vec<ConnectionId>,
    topics: HashMap<Arc<str>, Keys>,
    users: HashMap<Arc<str>, Keys>,
    /// By key: the user. Of those that are one.
    names: HashMap<u32, Arc<str>>,
    tags: HashMap<Arc<str>, HashMap<TagKey, Keys>>,
    news: News,
}

impl Directory {
    /// An empty one, for connections of so many shards.
    pub(super) fn new(shards: usize) -> Self {
        Self {
            shards: shards.max(1),
            index: Mutex::default(),
            epoch: Instant::now(),
            news_at: AtomicU64::new(NEVER),
        }
    }

    /// A connection joins a topic; gives the shared name.
    pub(super) fn join(&self, id: ConnectionId, topic: &str) -> Arc<str> {
        let mut index = self.index.lock();
        let key = self.key(id);
        index.know(key, id);
        let first_of = index.user_without_others(key, topic);
        let topic = insert_shared(&mut index.topics, topic, key);
        if let Some(user) = first_of {
            index.news.join((topic.clone(), user), Instant::now());
            self.date_news(&index);
        }
        topic
    }

    /// It leaves the topic, in which it is. `gone`: because somebody else than the consumer closed it; what it said
    /// before may still have to reach the consumer.
    pub(super) fn leave(&self, id: ConnectionId, topic: &Arc<str>, gone: bool) {
        let mut index = self.index.lock();
        let key = self.key(id);
        remove(&mut index.topics, &**topic, key);
        if let Some(user) = index.user_without_others(key, topic) {
            index.news.leave((topic.clone(), user), Instant::now(), gone.then_some(id));
            self.date_news(&index);
        }
    }

    /// It is known as this user, from before it joins a topic until after it has left the last; gives the shared name.
    pub(super) fn name(&self, id: ConnectionId, user: &str) -> Arc<str> {
        let mut index = self.index.lock();
        let key = self.key(id);
        index.know(key, id);
        let user = insert_shared(&mut index.users, user, key);
        index.names.insert(key, user.clone());
        user
    }

    /// It is no longer.
    pub(super) fn forget_user(&self, id: ConnectionId, user: &str) {
        let mut index = self.index.lock();
        index.names.remove(&self.key(id));
        remove(&mut index.users, user, self.key(id));
    }

    /// It gets a tag, in place of the value that it had; gives the shared name.
    pub(super) fn tag(
        &self,
        id: ConnectionId,
        name: &str,
        old: Option<&TagValue>,
        value: &TagValue,
    ) -> Arc<str> {
        let mut index = self.index.lock();
        let key = self.key(id);
        index.know(key, id);
        let shared = index.tags.get_key_value(name).map_or_else(|| name.into(), |(name, _)| name.clone());
        let values = index.tags.entry(Arc::clone(&shared)).or_default();
        if let Some(old) = old {
            remove(values, &old.into(), key);
        }
        insert(values, value.into(), key);
        shared
    }

    /// It loses a tag, which it has.
    pub(super) fn untag(&self, id: ConnectionId, name: &str, value: &TagValue) {
        let mut index = self.index.lock();
        let Some(values) = index.tags.get_mut(name) else { return };
        remove(values, &value.into(), self.key(id));
        if values.is_empty() {
            index.tags.remove(name);
        }
    }

    /// A topic's shared name and number of subscribers; `None` if nobody subscribes.
    pub fn topic(&self, name: &str) -> Option<(Arc<str>, usize)> {
        let index = self.index.lock();
        index.topics.get_key_value(name).map(|(name, keys)| (name.clone(), keys.len()))
    }

    /// How many topics have subscribers.
    pub fn topics(&self) -> usize {
        self.index.lock().topics.len()
    }

    /// The first `most` topics in the order of their bytes that begin with `prefix` and come after `after`, and how
    /// many subscribe to each. Looks at all.
    pub fn topics_from(&self, prefix: &str, after: Option<&str>, most: usize) -> Vec<(Arc<str>, usize)> {
        let index = self.index.lock();
        let mut first = BTreeMap::new();
        for (topic, keys) in &index.topics {
            let wanted = topic.starts_with(prefix) && after.is_none_or(|after| **topic > *after);
            let full = first.len() >= most;
            if wanted && !(full && first.last_key_value().is_none_or(|(last, _)| last < &topic)) {
                first.insert(topic, keys.len());
                if full {
                    first.pop_last();
                }
            }
        }
        first.into_iter().map(|(topic, subscribers)| (topic.clone(), subscribers)).collect()
    }

    /// Who is in a topic: also users who left it less than the grace ago, if that topic is announced.
    pub fn presence(&self, topic: &str) -> Presence {
        let (users, connections) = self.index.lock().presence(topic, Some(Instant::now()));
        Presence::new(users, connections)
    }

    /// Says of which topics the consumer tells who comes and goes.
    pub fn announce(&self, announced: Announced) {
        let mut index = self.index.lock();
        index.news.announce(announced);
        self.date_news(&index);
    }

    /// The consumer has come to the close of a connection: that users left by it may be told.
    pub(super) fn release(&self, id: ConnectionId) {
        let mut index = self.index.lock();
        index.news.release(id);
        self.date_news(&index);
    }

    /// When there is something to tell; `None` if nobody has come or gone.
    pub fn next_news(&self) -> Option<Instant> {
        match self.news_at.load(Ordering::Acquire) {
            NEVER => None,
            nanoseconds => Some(self.epoch + Duration::from_nanos(nanoseconds)),
        }
    }

    /// Takes the news that may be told by then, or all; and whether clients are told.
    pub(super) fn news(&self, by: Option<Instant>) -> (Vec<PresenceChange>, bool) {
        let mut index = self.index.lock();
        let news = index.news.take(by);
        self.date_news(&index);
        (news, index.news.announced().to_clients)
    }

    /// The same, and who is in a topic when just that has been told.
    pub(super) fn news_and_presence(&self, topic: &str) -> (Vec<PresenceChange>, bool, Presence) {
        let mut index = self.index.lock();
        let news = index.news.take(Some(Instant::now()));
        self.date_news(&index);
        let (users, connections) = index.presence(topic, None);
        let to_clients = index.news.announced().to_clients;
        drop(index);
        (news, to_clients, Presence::new(users, connections))
    }

    /// With the lock held.
    fn date_news(&self, index: &Index) {
        let at = index.news.next().map_or(NEVER, |at| {
            u64::try_from(at.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(NEVER)
        });
        self.news_at.store(at, Ordering::Release);
    }

    /// Who is meant by all but [`Audience::except`]. `everybody` is asked only if nothing but what connections are
    /// not chooses among them. It is asked under the lock: who opens is in the index before it is anywhere else, so
    /// nobody is found without the tags that it begins with.
    pub(super) fn find(
        &self,
        audience: &Audience,
        everybody: impl FnOnce() -> Vec<ConnectionId>,
    ) -> Vec<ConnectionId> {
        let index = self.index.lock();
        let mut set = Set::everybody();
        if let Some(topics) = &audience.topics {
            set = set.and(any_of(&index.topics, topics));
        }
        if let Some(users) = &audience.users {
            set = set.and(any_of(&index.users, users));
        }
        if let Some(query) = &audience.tags {
            set = set.and(index.matching(query));
        }
        let among = match &audience.connections {
            Some(ids) => ids.clone(),
            None => match set.keys() {
                Some(keys) => {
                    return keys.iter().filter_map(|key| index.ids.get(key as usize).copied()).collect();
                }
                None => everybody(),
            },
        };
        among.into_iter().filter(|id| set.contains(self.key(*id))).collect()
    }

    /// A connection's place in the sets.
    fn key(&self, id: ConnectionId) -> u32 {
        // 26 bits at most.
        (id.slot() * self.shards + id.shard()) as u32
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let index = self.index.lock();
        index.topics.is_empty() && index.users.is_empty() && index.names.is_empty() && index.tags.is_empty()
    }
}

impl Index {
    fn know(&mut self, key: u32, id: ConnectionId) {
        let key = key as usize;
        if key >= self.ids.len() {
            self.ids.resize(key + 1, id);
        }
        if let Some(known) = self.ids.get_mut(key) {
            *known = id;
        }
    }

    /// The user of a connection, if the topic is announced and no connection of that user is in it.
    fn user_without_others(&self, key: u32, topic: &str) -> Option<Arc<str>> {
        if !self.news.announced().covers(topic) {
            return None;
        }
        let user = self.names.get(&key)?;
        let here = self.topics.get(topic).zip(self.users.get(user));
        let is_here = here.is_some_and(|(topic, user)| topic.meets(user));
        (!is_here).then(|| user.clone())
    }

    /// Who is in a topic or, without a time, who is by what was told: users as often as they come, and connections.
    fn presence(&self, topic: &str, now: Option<Instant>) -> (Vec<Arc<str>>, usize) {
        let mut users: Vec<Arc<str>> = self.news.lingering(topic, now).cloned().collect();
        let keys = self.topics.get(topic);
        if let Some(keys) = keys {
            keys.each(|key| users.extend(self.names.get(&key).cloned()));
        }
        (users, keys.map_or(0, Keys::len))
    }

    /// Those whose tags a query matches.
    fn matching(&self, query: &Query) -> Set<'_> {
        match query {
            Query::Has(name) => Set::union(self.tags.get(name).into_iter().flat_map(HashMap::values)),
            Query::In(name, values) => {
                let Some(tagged) = self.tags.get(name) else { return Set::nobody() };
                Set::union(values.iter().filter_map(|value| tagged.get(&TagKey::from(value))))
            }
            Query::Not(query) => self.matching(query).complement(),
            Query::All(parts) => {
                let mut set = Set::everybody();
                for part in parts {
                    if set.is_nobody() {
                        break;
                    }
                    set = set.and(self.matching(part));
                }
                set
            }
            Query::Any(parts) => parts.iter().fold(Set::nobody(), |set, part| set.or(self.matching(part))),
        }
    }
}

/// Those in the sets of any of these names.
fn any_of<'a>(sets: &'a HashMap<Arc<str>, Keys>, names: &[Arc<str>]) -> Set<'a> {
    Set::union(names.iter().filter_map(|name| sets.get(name)))
}

fn insert<K: Hash + Eq>(sets: &mut HashMap<K, Keys>, name: K, key: u32) {
    match sets.entry(name) {
        Entry::Occupied(mut keys) => keys.get_mut().insert(key),
        Entry::Vacant(place) => drop(place.insert(Keys::One(key))),
    }
}

/// Inserts into the set of a name, and gives the one copy of that name.
fn insert_shared(sets: &mut HashMap<Arc<str>, Keys>, name: &str, key: u32) -> Arc<str> {
    let shared = sets.get_key_value(name).map_or_else(|| name.into(), |(name, _)| name.clone());
    insert(sets, Arc::clone(&shared), key);
    shared
}

/// Removes from the set of a name, and the set with its last key.
fn remove<K: Hash + Eq + Borrow<Q>, Q: Hash + Eq + ?Sized>(sets: &mut HashMap<K, Keys>, name: &Q, key: u32) {
    if sets.get_mut(name).is_some_and(|keys| keys.remove(key)) {
        sets.remove(name);
    }
}

/// No time at which there are news.
const NEVER: u64 = u64::MAX;
