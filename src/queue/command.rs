//! What PHP tells the network. Plain, owned, serialisable: the producer may be another process.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{ConnectionId, Identity, TagValue};

/// One order to a shard, carried out in the order in which it was given.
///
/// An order for a connection that is gone does nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Let a client in that waits in `Event::Handshake`.
    Accept {
        /// The connection to be.
        id: ConnectionId,
        /// What it becomes.
        accept: Box<Accept>,
    },
    /// Refuse a client that waits in `Event::Handshake`.
    Reject {
        /// The connection that will not be.
        id: ConnectionId,
        /// What its client is told.
        reject: Box<Reject>,
    },
    /// Answer a client that waits in `Event::Request`.
    Respond {
        /// The connection.
        id: ConnectionId,
        /// The answer.
        response: Box<Respond>,
    },
    /// Send a frame to one connection.
    Send {
        /// The recipient.
        id: ConnectionId,
        /// Header and payload of one final frame.
        frame: Bytes,
        /// Whether it is to be compressed where it can be.
        compress: bool,
    },
    /// Send a frame to each of these.
    SendToEach {
        /// The recipients, all of this shard, each once.
        to: Box<[ConnectionId]>,
        /// Header and payload of one final frame.
        frame: Bytes,
        /// Whether it is to be compressed where it can be.
        compress: bool,
    },
    /// Send a frame to a topic's subscribers.
    Publish {
        /// The topic.
        topic: Arc<str>,
        /// Header and payload of one final frame.
        frame: Bytes,
        /// Whether it is to be compressed where it can be.
        compress: bool,
        /// Who does not get it; sorted.
        except: Arc<[ConnectionId]>,
    },
    /// Send a frame to every open connection.
    Broadcast {
        /// Header and payload of one final frame.
        frame: Bytes,
        /// Whether it is to be compressed where it can be.
        compress: bool,
        /// Who does not get it; sorted.
        except: Arc<[ConnectionId]>,
    },
    /// Add topics to a connection.
    Subscribe {
        /// The subscriber.
        id: ConnectionId,
        /// The topics.
        topics: Vec<Arc<str>>,
    },
    /// Take topics from a connection.
    Unsubscribe {
        /// The subscriber.
        id: ConnectionId,
        /// The topics.
        topics: Vec<Arc<str>>,
    },
    /// Begin the closing handshake, after what is pending.
    Close {
        /// The connection.
        id: ConnectionId,
        /// The close code (RFC 6455 section 7.4).
        code: u16,
        /// The reason, at most 123 bytes.
        reason: Box<str>,
    },
    /// A send found the outbox full and the policy is to close: drop what is pending, close 1013.
    CloseSlow {
        /// The connection.
        id: ConnectionId,
    },
    /// Stop reading from a connection.
    Pause {
        /// The connection.
        id: ConnectionId,
    },
    /// Go on reading from a connection.
    Resume {
        /// The connection.
        id: ConnectionId,
    },
    /// Wake the consumer after this time, though nothing may have happened. Replaces the last.
    Alarm {
        /// From now.
        after: Duration,
    },
    /// Stop accepting, drain the outboxes, close every connection with 1001, end the thread.
    Stop {
        /// How long that may take. Zero: at once.
        grace: Duration,
    },
}

impl Command {
    /// What it keeps until it is carried out: its place in the queue, and what it brings along.
    pub fn size(&self) -> usize {
        let names = |topics: &[Arc<str>]| topics.iter().map(|topic| NAME + topic.len()).sum();
        let brought = match self {
            Self::Send { frame, .. } => frame.len(),
            Self::Publish { frame, except, .. } | Self::Broadcast { frame, except, .. } => {
                frame.len() + size_of_val(&**except)
            }
            Self::SendToEach { to, frame, .. } => frame.len() + size_of_val(&**to),
            Self::Subscribe { topics, .. } | Self::Unsubscribe { topics, .. } => names(topics),
            Self::Close { reason, .. } => reason.len(),
            Self::Accept { accept, .. } => {
                let tags = accept.tags.iter().map(|(name, _)| NAME + name.len() + size_of::<TagValue>());
                names(&accept.topics) + tags.sum::<usize>() + headers_size(&accept.headers)
            }
            Self::Reject { reject, .. } => reject.size(),
            Self::Respond { response, .. } => response.size(),
            _ => 0,
        };
        size_of::<Self>() + brought
    }
}

/// What becomes of an accepted client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accept {
    /// The application's name for who is connected.
    pub user: Option<String>,
    /// Topics it is subscribed to from the start.
    pub topics: Vec<Arc<str>>,
    /// Tags that it has from the start.
    pub tags: Vec<(Arc<str>, TagValue)>,
    /// The subprotocol; must be one that the client offered.
    pub protocol: Option<String>,
    /// More headers for the 101 response, checked.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Accept {
    /// Lets a client in as who it is.
    pub fn as_identified(identity: Option<Identity>, protocol: Option<String>) -> Self {
        let Some(Identity { user, topics, tags, .. }) = identity else {
            return Self { protocol, ..Self::default() };
        };
        Self { user, topics, tags, protocol, headers: Vec::new() }
    }
}

/// How a client is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The HTTP status, 300 to 599.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// More headers, checked.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Reject {
    /// Bytes of body and headers.
    pub fn size(&self) -> usize {
        self.body.len() + headers_size(&self.headers)
    }
}

/// The answer to a plain request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Respond {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// More headers, checked.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Respond {
    /// Bytes of body and headers.
    pub fn size(&self) -> usize {
        self.body.len() + headers_size(&self.headers)
    }
}

/// Bytes of headers on the wire.
pub fn headers_size(headers: &[(String, Vec<u8>)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
}

/// What a name costs beside its bytes.
const NAME: usize = 32;
