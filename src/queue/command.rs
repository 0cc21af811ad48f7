//! Commands: orders from the consumer and the other publishers to one shard. Plain, owned data, because the producer
//! may one day be another process.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ConnectionId, Identity, TagValue};

/// One order to a shard. A shard carries out the commands of one producer in the order in which they were sent. A
/// command for a connection that is gone does nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Accept a client whose `Event::Handshake` waits for a decision.
    Accept {
        /// The connection to be.
        id: ConnectionId,
        /// The user, topics and tags of the connection, and the response headers.
        accept: Box<Accept>,
    },
    /// Refuse a client whose `Event::Handshake` waits for a decision.
    Reject {
        /// The connection that will not be.
        id: ConnectionId,
        /// The response to the client.
        reject: Box<Reject>,
    },
    /// Answer a client whose `Event::Request` waits for a response.
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
        /// True to compress the frame for connections that negotiated compression.
        compress: bool,
    },
    /// Send a frame to several connections.
    SendToEach {
        /// The recipients, all of this shard, each once.
        to: Box<[ConnectionId]>,
        /// Header and payload of one final frame.
        frame: Bytes,
        /// True to compress the frame for connections that negotiated compression.
        compress: bool,
    },
    /// Send a frame to a topic's subscribers.
    Publish {
        /// The topic.
        topic: Arc<str>,
        /// Header and payload of one final frame.
        frame: Bytes,
        /// True to compress the frame for connections that negotiated compression.
        compress: bool,
        /// Connections to leave out, sorted.
        except: Arc<[ConnectionId]>,
    },
    /// Send a frame to every open connection.
    Broadcast {
        /// Header and payload of one final frame.
        frame: Bytes,
        /// True to compress the frame for connections that negotiated compression.
        compress: bool,
        /// Connections to leave out, sorted.
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
    /// Begin the closing handshake, after the frames that are pending.
    Close {
        /// The connection.
        id: ConnectionId,
        /// The close code (RFC 6455 section 7.4).
        code: u16,
        /// The reason, at most 123 bytes.
        reason: Box<str>,
    },
    /// Drop the pending frames and close with 1013: a send found the outbox full, and the policy is to close.
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
    /// Wake the consumer after this time, even without an event. Replaces the previous alarm.
    Alarm {
        /// The time from now.
        after: Duration,
    },
    /// Stop accepting, drain the outboxes, close every connection with 1001, end the thread.
    Stop {
        /// The time that draining may take. Zero: close at once.
        grace: Duration,
    },
}

impl Command {
    /// Bytes that the command occupies until it is carried out: its place in the queue and the data that it owns.
    pub fn size(&self) -> usize {
        let names = |topics: &[Arc<str>]| topics.iter().map(|topic| NAME + topic.len()).sum();
        let owned = match self {
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
        size_of::<Self>() + owned
    }
}

/// The properties of an accepted client.
///
/// One that comes from another process is not checked by reading it. The receiver checks the topics (`hub::check_topic`),
/// the tags (`hub::check_tag`), their numbers, that the client offered the subprotocol, each header
/// ([`check_header`](crate::http::check_header)), and their [size](headers_size).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// The application's name for the user of the connection.
    pub user: Option<String>,
    /// The first topics of the connection.
    pub topics: Vec<Arc<str>>,
    /// The first tags of the connection.
    pub tags: Vec<(Arc<str>, TagValue)>,
    /// The subprotocol; must be one that the client offered.
    pub protocol: Option<String>,
    /// Additional headers for the 101 response. The caller has checked them.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Accept {
    /// Accepts a client with the user, topics and tags of its identity.
    pub fn as_identified(identity: Option<Identity>, protocol: Option<String>) -> Self {
        let Some(Identity { user, topics, tags, .. }) = identity else {
            return Self { protocol, ..Self::default() };
        };
        Self { user, topics, tags, protocol, headers: Vec::new() }
    }
}

/// The response to a refused client.
///
/// For one that comes from another process, the receiver checks the status, each header
/// ([`check_header`](crate::http::check_header)) and the [`size`](Self::size).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reject {
    /// The HTTP status, 300 to 599.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Additional headers. The caller has checked them.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Reject {
    /// Size of the body and the headers in bytes.
    pub fn size(&self) -> usize {
        self.body.len() + headers_size(&self.headers)
    }
}

/// The answer to a plain request.
///
/// For one that comes from another process, the receiver checks the status, each header
/// ([`check_header`](crate::http::check_header)) and the [`size`](Self::size).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Respond {
    /// The HTTP status, 200 to 599.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
    /// Additional headers. The caller has checked them.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Respond {
    /// Size of the body and the headers in bytes.
    pub fn size(&self) -> usize {
        self.body.len() + headers_size(&self.headers)
    }
}

/// Size of headers on the wire in bytes.
pub fn headers_size(headers: &[(String, Vec<u8>)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
}

/// Bytes of a name in addition to its text.
const NAME: usize = 32;
