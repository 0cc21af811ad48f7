//! Who is here, by topic, user and tag: an index over the open connections, for whoever asks who is meant.
//!
//! Only connections that have one of these are in it. Each has a *key*, a small number, so that the sets of
//! connections are compressed bitmaps, and a query is what it looks like: intersections and unions. A question takes
//! copies of the sets that it names, which cost nothing, and works on them when it has let go of the lock: shards wait
//! for that whenever somebody comes or goes.

mod pace;
mod pages;
mod presence_deltas;
#[cfg(test)]
mod presence_tests;
mod set;
#[cfg(test)]
mod tests;

use std::{
    borrow::Borrow,
    collections::{BTreeSet, HashMap, HashSet, hash_map::Entry},
    hash::Hash,
    ops::Bound,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use self::{
    pages::Pages,
    presence_deltas::News,
    set::{Keys, Set},
};
use super::{
    audience::Audience,
    presence::{Announced, Presence},
    query::{Condition, Plan, Step},
    tags::TagKey,
};
use crate::queue::{ConnectionId, PresenceChange, TagValue};

/// An index over the open connections. Locked for a change, or to take what a question is about; never for a message of
/// a shard.
#[derive(Debug)]
pub struct Directory {
    shards: usize,
    index: Mutex<Index>,
    epoch: Instant,
    /// When there are news, in nanoseconds since then: nobody takes the lock to hear that there are none.
    news_at: AtomicU64,
    announcing: AtomicBool,
}

#[derive(Debug)]
struct Index {
    /// By key: who has it. Only of those in the sets below.
    ids: Pages<ConnectionId>,
    topics: HashMap<Arc<str>, Keys>,
    /// The topics in order.
    topic_names: BTreeSet<Arc<str>>,
    users: HashMap<Arc<str>, Keys>,
    /// By key: the user. Of those that are one.
    names: Pages<Option<Arc<str>>>,
    tags: HashMap<Arc<str>, Tagged>,
    news: News,
}

/// Who has a tag.
#[derive(Debug)]
struct Tagged {
    all: Keys,
    by_value: HashMap<TagKey, Keys>,
}

impl Default for Index {
    fn default() -> Self {
        Self {
            ids: Pages::new(NOBODY),
            topics: HashMap::new(),
            topic_names: BTreeSet::new(),
            users: HashMap::new(),
            names: Pages::new(None),
            tags: HashMap::new(),
            news: News::default(),
        }
    }
}

impl Directory {
    /// An empty one, for connections of so many shards.
    pub(super) fn new(shards: usize) -> Self {
        Self {
            shards: shards.max(1),
            index: Mutex::default(),
            epoch: Instant::now(),
            news_at: AtomicU64::new(NEVER),
            announcing: AtomicBool::new(false),
        }
    }

    /// A connection joins a topic; gives the shared name.
    pub(super) fn join(&self, id: ConnectionId, topic: &str) -> Arc<str> {
        let mut index = self.index.lock();
        let key = self.key(id);
        index.know(key, id);
        let first_of = index.user_without_others(key, topic);
        let topic = insert_shared(&mut index.topics, topic, key);
        if !index.topic_names.contains(&topic) {
            index.topic_names.insert(topic.clone());
        }
        if let Some(user) = first_of {
            index.news.join((topic.clone(), user), id, Instant::now());
            self.date_news(&index);
        }
        topic
    }

    /// It leaves the topic, in which it is. `gone`: because somebody else than the consumer closed it; what it said
    /// before may still have to reach the consumer.
    pub(super) fn leave(&self, id: ConnectionId, topic: &Arc<str>, gone: bool) {
        let mut index = self.index.lock();
        let key = self.key(id);
        if remove(&mut index.topics, &**topic, key) {
            index.topic_names.remove(topic);
        }
        if let Some(user) = index.user_without_others(key, topic) {
            index.news.leave((topic.clone(), user), id, Instant::now(), gone);
            self.date_news(&index);
        }
    }

    /// It is known as this user, from before it joins a topic until after it has left the last; gives the shared name.
    pub(super) fn name(&self, id: ConnectionId, user: &str) -> Arc<str> {
        let mut index = self.index.lock();
        let key = self.key(id);
        index.know(key, id);
        let user = insert_shared(&mut index.users, user, key);
        index.names.set(key, Some(user.clone()));
        user
    }

    /// It is no longer.
    pub(super) fn forget_user(&self, id: ConnectionId, user: &str) {
        let mut index = self.index.lock();
        index.names.set(self.key(id), None);
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
        let tagged = index
            .tags
            .entry(Arc::clone(&shared))
            .or_insert_with(|| Tagged { all: Keys::One(key), by_value: HashMap::new() });
        tagged.all.insert(key);
        if let Some(old) = old {
            remove(&mut tagged.by_value, &old.into(), key);
        }
        insert(&mut tagged.by_value, value.into(), key);
        shared
    }

    /// It loses a tag, which it has.
    pub(super) fn untag(&self, id: ConnectionId, name: &str, value: &TagValue) {
        let mut index = self.index.lock();
        let Some(tagged) = index.tags.get_mut(name) else { return };
        remove(&mut tagged.by_value, &value.into(), self.key(id));
        if tagged.all.remove(self.key(id)) {
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
    /// many subscribe to each.
    pub fn topics_from(&self, prefix: &str, after: Option<&str>, most: usize) -> Vec<(Arc<str>, usize)> {
        let index = self.index.lock();
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let names = index.topic_names.range::<str, _>((from, Bound::Unbounded));
        let wanted = names.take_while(|topic| topic.starts_with(prefix)).take(most);
        wanted.map(|topic| (topic.clone(), index.topics.get(topic).map_or(0, Keys::len))).collect()
    }

    /// Who is in a topic: also users who left it less than the grace ago, if that topic is announced.
    pub fn presence(&self, topic: &str) -> Presence {
        let present = self.index.lock().presence(topic, Some(Instant::now()));
        present.presence()
    }

    /// Says of which topics the consumer tells who comes and goes.
    pub fn announce(&self, announced: Announced) {
        let mut index = self.index.lock();
        self.announcing.store(!announced.topics.is_empty(), Ordering::Relaxed);
        index.news.announce(announced);
        self.date_news(&index);
    }

    /// True if joins and leaves of any topic are announced.
    pub fn is_announcing(&self) -> bool {
        self.announcing.load(Ordering::Relaxed)
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

    /// Takes the news that may be told by now, as fast as clients are told at all; and whether they are.
    pub fn paced_news(&self, now: Instant) -> (Vec<PresenceChange>, bool) {
        let mut index = self.index.lock();
        let news = index.paced_news(now);
        self.date_news(&index);
        (news, index.news.announced().to_clients)
    }

    /// Takes the news that may be told by then, or all; and whether clients are told.
    pub fn news(&self, by: Option<Instant>) -> (Vec<PresenceChange>, bool) {
        let mut index = self.index.lock();
        let news = index.news.take(by);
        self.date_news(&index);
        (news, index.news.announced().to_clients)
    }

    /// The same, and who is in a topic when just that has been told.
    pub fn news_and_presence(&self, topic: &str) -> (Vec<PresenceChange>, bool, Presence) {
        let mut index = self.index.lock();
        let news = index.paced_news(Instant::now());
        self.date_news(&index);
        let present = index.presence(topic, None);
        let to_clients = index.news.announced().to_clients;
        drop(index);
        (news, to_clients, present.presence())
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
        let plan = audience.tags.as_ref().map(Plan::of);
        let chooses = audience.topics.is_some()
            || audience.users.is_some()
            || plan.as_ref().is_some_and(|plan| !plan.root.is_everybody_but());

        let index = self.index.lock();
        let topics = audience.topics.as_ref().map(|topics| named(&index.topics, topics));
        let users = audience.users.as_ref().map(|users| named(&index.users, users));
        let tagged: Vec<Option<Keys>> =
            plan.iter().flat_map(|plan| index.meeting(&plan.conditions)).collect();
        let among: Among = match &audience.connections {
            Some(ids) => Among::These(ids.iter().map(|id| self.place(&index, *id)).collect()),
            None if chooses => Among::Indexed(index.ids.clone()),
            None => Among::These(everybody().into_iter().map(|id| self.place(&index, id)).collect()),
        };
        drop(index);

        let mut set = Set::everybody();
        if let Some(topics) = &topics {
            set = set.and(Set::union(topics));
        }
        if let Some(users) = &users {
            set = set.and(Set::union(users));
        }
        if let Some(plan) = &plan {
            set = set.and(matching(&plan.root, &tagged));
        }
        match among {
            Among::These(ids) => {
                let is_in = |key: Option<u32>| key.map_or(set.contains_others(), |key| set.contains(key));
                ids.into_iter().filter(|(_, key)| is_in(*key)).map(|(id, _)| id).collect()
            }
            Among::Indexed(ids) => set.keys().into_iter().flatten().map(|key| *ids.get(key)).collect(),
        }
    }

    /// A connection, and where it is in the sets; `None` if it has nothing.
    fn place(&self, index: &Index, id: ConnectionId) -> (ConnectionId, Option<u32>) {
        let key = self.key(id);
        (id, (*index.ids.get(key) == id).then_some(key))
    }

    /// A connection's place in the sets.
    fn key(&self, id: ConnectionId) -> u32 {
        // 26 bits at most.
        (id.place() * self.shards + id.shard()) as u32
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        let index = self.index.lock();
        index.topics.is_empty()
            && index.topic_names.is_empty()
            && index.users.is_empty()
            && index.names.iter().all(Option::is_none)
            && index.tags.is_empty()
    }
}

impl Index {
    fn know(&mut self, key: u32, id: ConnectionId) {
        if *self.ids.get(key) != id {
            self.ids.set(key, id);
        }
    }

    /// The user of a connection, if the topic is announced and no connection of that user is in it.
    fn user_without_others(&self, key: u32, topic: &str) -> Option<Arc<str>> {
        if !self.news.announced().covers(topic) {
            return None;
        }
        let user = self.names.get(key).as_ref()?;
        let here = self.topics.get(topic).zip(self.users.get(user));
        let is_here = here.is_some_and(|(topic, user)| topic.meets(user));
        (!is_here).then(|| user.clone())
    }

    fn paced_news(&mut self, now: Instant) -> Vec<PresenceChange> {
        let Self { news, topics, .. } = self;
        let to_clients = news.announced().to_clients;
        news.take_paced(now, |topic| topics.get(topic).filter(|_| to_clients).map_or(0, Keys::len))
    }

    /// Who is in a topic or, without a time, who is by what was told.
    fn presence(&self, topic: &str, now: Option<Instant>) -> Present {
        Present {
            untold: match now {
                None => self.news.untold(topic).cloned().collect(),
                Some(_) => HashSet::new(),
            },
            lingering: self.news.lingering(topic, now).cloned().collect(),
            keys: self.topics.get(topic).cloned(),
            names: self.names.clone(),
        }
    }

    /// Who meets each of these conditions.
    fn meeting(&self, conditions: &[Condition]) -> impl Iterator<Item = Option<Keys>> {
        conditions.iter().map(|condition| match condition {
            Condition::Has(name) => self.tags.get(name).map(|tagged| tagged.all.clone()),
            Condition::Is(name, value) => {
                self.tags.get(name).and_then(|tagged| tagged.by_value.get(value).cloned())
            }
        })
    }
}

/// Among whom those are looked for that are meant.
enum Among {
    These(Vec<(ConnectionId, Option<u32>)>),
    /// Those in the index.
    Indexed(Pages<ConnectionId>),
}

/// Who is in a topic, as it was under the lock.
struct Present {
    /// Who is there, but of whom nobody was told.
    untold: HashSet<Arc<str>>,
    lingering: Vec<Arc<str>>,
    keys: Option<Keys>,
    names: Pages<Option<Arc<str>>>,
}

impl Present {
    fn presence(self) -> Presence {
        let mut users = self.lingering;
        if let Some(keys) = &self.keys {
            let told = |user: &&Arc<str>| !self.untold.contains(*user);
            keys.each(|key| users.extend(self.names.get(key).as_ref().filter(told).cloned()));
        }
        Presence::new(users, self.keys.as_ref().map_or(0, Keys::len))
    }
}

/// Those whom a step of a plan means, by who meets its conditions.
fn matching<'a>(step: &Step, tagged: &'a [Option<Keys>]) -> Set<'a> {
    match step {
        Step::Condition(number) => Set::union(tagged.get(*number).into_iter().flatten()),
        Step::Not(step) => matching(step, tagged).complement(),
        Step::All(parts) => {
            let mut set = Set::everybody();
            for part in parts {
                if set.is_nobody() {
                    break;
                }
                set = set.and(matching(part, tagged));
            }
            set
        }
        Step::Any(parts) => {
            // What is no set yet is put together in one.
            let sets = parts.iter().filter_map(|part| match part {
                Step::Condition(number) => tagged.get(*number)?.as_ref(),
                _ => None,
            });
            let others = parts.iter().filter(|part| !matches!(part, Step::Condition(_)));
            others.fold(Set::union(sets), |set, part| set.or(matching(part, tagged)))
        }
    }
}

/// The sets of these names.
fn named(sets: &HashMap<Arc<str>, Keys>, names: &[Arc<str>]) -> Vec<Keys> {
    names.iter().filter_map(|name| sets.get(name).cloned()).collect()
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

/// Removes from the set of a name, and the set with its last key; whether that went.
fn remove<K: Hash + Eq + Borrow<Q>, Q: Hash + Eq + ?Sized>(
    sets: &mut HashMap<K, Keys>,
    name: &Q,
    key: u32,
) -> bool {
    let is_last = sets.get_mut(name).is_some_and(|keys| keys.remove(key));
    if is_last {
        sets.remove(name);
    }
    is_last
}

/// No time at which there are news.
const NEVER: u64 = u64::MAX;
/// No connection's id.
const NOBODY: ConnectionId = ConnectionId::new(0, 0, 0);
