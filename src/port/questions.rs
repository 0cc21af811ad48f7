//! Questions to a publisher: its connections, topics, users, figures and limits.
//!
//! An answer is true when it is given; other threads may change it at once. Questions do not wait for shards.

use std::sync::Arc;

use super::publisher::Publisher;
use crate::{
    config::Limits,
    hub::{Audience, ConnectionHandle, Hub, Presence},
    metrics::Figure,
    queue::ConnectionId,
};

impl Publisher {
    /// The connection of that id, if it is open or the consumer has not seen its close.
    pub fn connection(&self, id: ConnectionId) -> Option<Arc<ConnectionHandle>> {
        self.hub().registry.get(id)
    }

    /// The open connections of an audience, each once.
    pub fn connections(&self, audience: &Audience) -> Vec<ConnectionId> {
        self.hub().select(audience)
    }

    /// The encoded value of an attribute; also of a closed connection until the consumer has finished with it.
    pub fn attribute(&self, of: &ConnectionHandle, key: &str) -> Option<Box<[u8]>> {
        of.attribute(key)
    }

    /// The number of open connections.
    pub fn count(&self) -> usize {
        self.hub().open_connections()
    }

    /// The topics that begin with `prefix` and come after `after`, in the order of their bytes, at most `most`; each
    /// with its number of subscribers.
    pub fn topics(&self, prefix: &str, after: Option<&str>, most: usize) -> Vec<(Arc<str>, usize)> {
        self.hub().directory.topics_from(prefix, after, most)
    }

    /// The users of a topic. The cost grows with the topic's subscribers.
    pub fn presence(&self, topic: &str) -> Presence {
        self.hub().presence(topic)
    }

    /// Every figure of the server.
    pub fn figures(&self) -> Vec<Figure> {
        self.hub().figures()
    }

    /// The most bytes that a message from a client may have.
    pub fn max_message_size(&self) -> usize {
        self.hub().limits.max_message_size
    }

    /// The most topics that a connection may have.
    pub fn max_topics(&self) -> usize {
        self.hub().limits.max_topics
    }

    /// The most tags that a connection may have.
    pub fn max_tags(&self) -> usize {
        self.hub().limits.max_tags
    }
}

/// The figures of a server that has not run.
pub fn no_figures() -> Vec<Figure> {
    Hub::new(0, Limits::default(), None).figures()
}
