//! Who is here: the open connections, their topics, users and tags, and sending to one, some or all of them.
//!
//! The [`Hub`] is shared by every thread of the server. The consumer's thread speaks to the shards
//! through its [`Publisher`]; each shard finds a topic's subscribers in its own [`TopicIndex`]. Whom an [`Audience`]
//! means, the [`Directory`] says, at the moment when it is asked. Orders
//! made through one handle reach each connection in the order they were made. Knows neither sockets
//! nor Zend.

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

use std::sync::Arc;

use parking_lot::Mutex;

pub use crate::frame::may_be_sent_by_application as close_code_allowed;
use crate::{
    config::{Compression, Limits},
    connection::SendGauge,
    http::Request,
    metrics::{Counters, Figure, LOG_LINES_DROPPED, MetricKind},
    queue::{Accept, ConnectionId, TagValue},
};
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

/// What every thread of one server shares.
#[derive(Debug)]
pub struct Hub {
    /// The connections that are open, or whose end the consumer has not seen yet.
    pub registry: Registry,
    /// Who is here, by topic, user and tag.
    pub directory: Directory,
    /// One for each shard.
    pub counters: Vec<Counters>,
    /// The limits that the server was given.
    pub limits: Limits,
    /// Whether and how messages are compressed.
    pub compression: Option<Compression>,
    /// Whether nobody but the consumer may say anything more. Locked while somebody else speaks.
    silenced: Mutex<bool>,
    /// The optional events that the consumer wants.
    interests: AtomicInterests,
}

impl Hub {
    /// A hub without connections.
    pub fn new(shards: usize, limits: Limits, compression: Option<Compression>) -> Self {
        Self {
            registry: Registry::new(shards),
            directory: Directory::new(shards),
            counters: (0..shards).map(|_| Counters::default()).collect(),
            limits,
            compression,
            silenced: Mutex::new(false),
            interests: AtomicInterests::default(),
        }
    }

    /// Adds a connection that opens, with what the consumer has accepted it as; gives its first topics. By its shard.
    pub fn admit(
        &self,
        gauge: Arc<SendGauge>,
        accept: &Accept,
        request: Option<Box<Request>>,
    ) -> Vec<Arc<str>> {
        let member = Arc::new(ConnectionHandle::new(gauge, request));
        if let Some(user) = &accept.user {
            member.set_user(user, &self.directory);
        }
        // The consumer has checked them; a list that it could not have sent is as good as none.
        let names: Vec<&str> = accept.topics.iter().map(|topic| &**topic).collect();
        let topics = member.subscribe(&names, &self.directory, self.limits.max_topics).unwrap_or_default();
        let tags: Vec<_> = accept.tags.iter().map(|(name, value)| (&**name, value.clone())).collect();
        let _ = member.tag(&tags, &self.directory, self.limits.max_tags);
        // Last: whoever finds it finds it with its tags.
        self.registry.add(member);
        topics
    }

    /// Adds topics to a connection: all of them or, with an error, none. Returns those that are new.
    pub fn subscribe(&self, to: &ConnectionHandle, topics: &[&str]) -> Result<Vec<Arc<str>>, TopicError> {
        to.subscribe(topics, &self.directory, self.limits.max_topics)
    }

    /// Takes topics from a connection; returns those that it had.
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

    /// Takes a connection that was closed out of its topics, tags and user. `gone`: by another than the consumer, before
    /// the consumer knows.
    pub fn depart(&self, handle: &ConnectionHandle, gone: bool) {
        handle.leave(&self.directory, gone);
    }

    /// Marks a connection as closed. It counts until the consumer [forgets](Self::forget) it. Called by its shard, once.
    pub fn close(&self, id: ConnectionId) {
        self.registry.close(id, &self.directory);
    }

    /// Forgets a closed connection, whose `Event::Close` the consumer has come to.
    pub fn forget(&self, id: ConnectionId) {
        self.registry.forget(id);
        self.directory.release(id);
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.registry.open()
    }

    /// Has somebody beside the consumer speak; `None` once the server ends. So what was said before the end is in the
    /// queues before the order to end, and nothing is said that nobody will hear.
    pub fn unless_silenced<R>(&self, speak: impl FnOnce() -> R) -> Option<R> {
        let silenced = self.silenced.lock();
        (!*silenced).then(speak)
    }

    /// The server ends.
    pub fn silence(&self) {
        *self.silenced.lock() = true;
    }

    /// Whether the server ends.
    pub fn is_silenced(&self) -> bool {
        *self.silenced.lock()
    }

    /// Who is in a topic. By any thread; costs what the topic has subscribers.
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
        figures
    }
}
