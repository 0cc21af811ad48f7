//! The connections of a server: their topics, users and tags, and the search for them.
//!
//! All threads of a server share one [`Hub`]. It has two views of the connections: the [`Registry`] by id, and the
//! [`Directory`] by topic, user and tag, which finds the connections of an [`Audience`]. Each shard has its own
//! [`TopicIndex`] besides, for the fan-out of a message to a topic.
//!
//! Changes of one connection are made under its lock, so the views agree; changes of different connections have no
//! order. A connection that closes leaves the directory at once, and the registry when the consumer has seen its close.
//! Both are bounded by the limits on connections, topics and tags. When the server stops, publishers are refused
//! ([`Hub::refuse_publishers`]) before the shards are ordered to end.
//!
//! The hub does not send: [`port`](crate::port) does. It knows neither sockets nor Zend.

mod attributes;
mod audience;
mod connection_handle;
mod directory;
mod index;
mod interests;
mod pattern;
mod presence;
mod query;
mod registry;
mod tags;
mod topics;
#[cfg(test)]
mod transfer_tests;

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use crate::{
    config::{Compression, Limits},
    connection::SendGauge,
    http::Request,
    metrics::{Counters, Figure, LOG_LINES_DROPPED, MetricKind, WorkerCounters},
    queue::{Accept, ConnectionId, TagValue},
    ring::Table,
};
pub use attributes::{AttributeError, MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTES};
pub use audience::Audience;
pub use connection_handle::ConnectionHandle;
pub use directory::Directory;
pub use index::TopicIndex;
use interests::AtomicInterests;
pub use interests::Interests;
pub use pattern::{PatternError, TopicPattern};
pub use presence::{Announced, Presence};
pub use query::{Query, QueryError};
pub use registry::Registry;
pub use tags::{TagError, check_tag, check_tag_name};
pub use topics::{TopicError, check_topic};

/// The state that all threads of one server share.
#[derive(Debug)]
pub struct Hub {
    /// The connections that are open, or whose close the consumer has not seen yet.
    pub registry: Registry,
    /// The open connections by topic, user and tag.
    pub directory: Directory,
    /// The counters of each shard.
    pub counters: Vec<Counters>,
    /// The limits of the server.
    pub limits: Limits,
    /// The options of compression; `None` without compression.
    pub compression: Option<Compression>,
    /// True when the server stops: only the consumer may send. Locked while another publisher sends.
    stopping: Mutex<bool>,
    /// The optional events that the consumer wants.
    interests: AtomicInterests,
    /// The gauges of connections, if workers look at them.
    gauges: OnceLock<Arc<Table>>,
    /// The counters of a front about its workers.
    workers: OnceLock<Arc<WorkerCounters>>,
}

impl Hub {
    /// Makes a hub without connections.
    pub fn new(shards: usize, limits: Limits, compression: Option<Compression>) -> Self {
        Self {
            registry: Registry::new(shards),
            directory: Directory::new(shards),
            counters: (0..shards).map(|_| Counters::default()).collect(),
            limits,
            compression,
            stopping: Mutex::new(false),
            interests: AtomicInterests::default(),
            gauges: OnceLock::new(),
            workers: OnceLock::new(),
        }
    }

    /// Shows the gauges of later connections to workers, and has figures about them. Before the shards start.
    pub fn serve_workers(&self, gauges: Arc<Table>, counters: Arc<WorkerCounters>) {
        let _ = self.gauges.set(gauges);
        let _ = self.workers.set(counters);
    }

    /// False if the events are for workers, of which none is ready.
    pub fn has_worker(&self) -> bool {
        self.workers.get().is_none_or(|workers| workers.has_ready())
    }

    /// Makes the gauges of a connection that opens.
    pub fn gauge(&self, id: ConnectionId) -> SendGauge {
        match self.gauges.get().and_then(Table::claim) {
            Some(words) => SendGauge::shown(id, words),
            None => SendGauge::new(id),
        }
    }

    /// Adds a connection that opens, with the user, topics and tags of `accept`. Returns its first topics. Called by
    /// the connection's shard.
    pub fn admit(
        &self,
        gauge: Arc<SendGauge>,
        accept: &Accept,
        request: Option<Box<Request>>,
    ) -> Vec<Arc<str>> {
        let handle = Arc::new(ConnectionHandle::new(gauge, request));
        if let Some(user) = &accept.user {
            handle.set_user(user, &self.directory);
        }
        // The consumer has checked the topics and tags; a list that it could not have sent counts as empty.
        let names: Vec<&str> = accept.topics.iter().map(|topic| &**topic).collect();
        let topics = handle.subscribe(&names, &self.directory, self.limits.max_topics).unwrap_or_default();
        let tags: Vec<_> = accept.tags.iter().map(|(name, value)| (&**name, value.clone())).collect();
        let _ = handle.tag(&tags, &self.directory, self.limits.max_tags);
        // Last, so that a thread that finds the connection finds its tags too.
        self.registry.add(handle);
        topics
    }

    /// Adds topics to a connection: all of them or, with an error, none. Returns the new ones.
    pub fn subscribe(&self, to: &ConnectionHandle, topics: &[&str]) -> Result<Vec<Arc<str>>, TopicError> {
        to.subscribe(topics, &self.directory, self.limits.max_topics)
    }

    /// Takes topics from a connection. Returns those that it had.
    pub fn unsubscribe(&self, from: &ConnectionHandle, topics: &[&str]) -> Vec<Arc<str>> {
        from.unsubscribe(topics, &self.directory)
    }

    /// Adds tags to a connection, replacing those of the same names: all of them or, with an error, none.
    pub fn tag(&self, to: &ConnectionHandle, tags: &[(&str, TagValue)]) -> Result<(), TagError> {
        to.tag(tags, &self.directory, self.limits.max_tags)
    }

    /// Takes tags from a connection.
    pub fn untag(&self, from: &ConnectionHandle, names: &[&str]) {
        from.untag(names, &self.directory);
    }

    /// Takes a closed connection out of its topics, tags and user. `gone` is true if another publisher than the
    /// consumer closed it, and the consumer does not know that yet.
    pub fn depart(&self, handle: &ConnectionHandle, gone: bool) {
        handle.leave(&self.directory, gone);
    }

    /// Marks a connection as closed. It counts until it is [forgotten](Self::forget). Called once, by its shard.
    pub fn close(&self, id: ConnectionId) {
        self.registry.close(id, &self.directory);
    }

    /// Forgets a closed connection whose `Event::Close` the consumer has taken.
    pub fn forget(&self, id: ConnectionId) {
        self.registry.forget(id);
        self.directory.release(id);
    }

    /// The number of open connections.
    pub fn open_connections(&self) -> usize {
        self.registry.open()
    }

    /// The open connections of an audience, each once. It looks at all connections only if the audience excludes
    /// connections but selects none.
    pub fn select(&self, audience: &Audience) -> Vec<ConnectionId> {
        let mut ids = self.directory.find(audience, || self.registry.open_ids());
        if audience.connections.is_some() {
            ids.sort_unstable();
            ids.dedup();
            ids.retain(|id| self.registry.get(*id).is_some_and(|handle| handle.is_open()));
        }
        if !audience.except.is_empty() {
            let mut except = audience.except.clone();
            except.sort_unstable();
            ids.retain(|id| except.binary_search(id).is_err());
        }
        ids
    }

    /// Calls `send` for another publisher than the consumer; returns `None`, without a call, if the server stops. So
    /// the commands of a publisher are in the queues before the order to end, and none is accepted that is not carried
    /// out.
    pub fn unless_stopping<R>(&self, send: impl FnOnce() -> R) -> Option<R> {
        let stopping = self.stopping.lock();
        (!*stopping).then(send)
    }

    /// Refuses all publishers but the consumer from now on: the server stops. Waits for a publisher that is sending.
    pub fn refuse_publishers(&self) {
        *self.stopping.lock() = true;
    }

    /// True if the server stops.
    pub fn is_stopping(&self) -> bool {
        *self.stopping.lock()
    }

    /// The users of a topic. The cost grows with the topic's subscribers.
    pub fn presence(&self, topic: &str) -> Presence {
        self.directory.presence(topic)
    }

    /// Sets the optional events that the consumer wants.
    pub fn set_interests(&self, interests: Interests) {
        self.interests.set(interests);
    }

    /// The optional events that the consumer wants.
    #[inline]
    pub fn interests(&self) -> Interests {
        self.interests.get()
    }

    /// Every figure of the server.
    pub fn figures(&self) -> Vec<Figure> {
        let as_int = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let gauge =
            |name, help, n: usize| Figure { name, help, kind: MetricKind::Gauge, value: as_int(n as u64) };
        let mut figures = vec![
            gauge("ferrite_connections", "Connections that are open.", self.open_connections()),
            gauge("ferrite_topics", "Topics that have subscribers.", self.directory.topics()),
            gauge("ferrite_shards", "I/O threads.", self.counters.len()),
        ];
        for (index, (name, help)) in Counters::NAMES.iter().zip(Counters::HELP).enumerate() {
            let sum = self.counters.iter().filter_map(|c| c.values().get(index).copied()).sum();
            figures.push(Figure { name, help, kind: MetricKind::Counter, value: as_int(sum) });
        }
        figures.push(Figure {
            name: "ferrite_log_lines_dropped_total",
            help: "Log lines of this process that standard error did not take at once.",
            kind: MetricKind::Counter,
            value: as_int(LOG_LINES_DROPPED.get()),
        });
        figures.extend(self.workers.get().iter().flat_map(|workers| workers.figures()));
        figures
    }
}
