//! Events: notifications from the shards to the consumer (PHP). Plain, owned data, because the consumer may one day be
//! another process.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ConnectionId, TagValue};
use crate::http::Request;

/// One event of the server. The events of one connection are delivered in the order in which they happened.
///
/// A connection that upgrades has at most one `Handshake`, then either `HandshakeGone` or `Open`; after `Open` come
/// messages and drains, then exactly one `Close`. A plain request has one `Request`, and `RequestGone` if its client no
/// longer waits for the response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// A client asks to connect and the consumer decides (`Command::Accept`, `Command::Reject`).
    Handshake {
        /// The connection to be.
        id: ConnectionId,
        /// The client's request, with the subprotocol that the server would choose.
        handshake: Box<Handshake>,
    },
    /// The client of an undecided handshake is gone, or the time to decide is over.
    HandshakeGone {
        /// The connection that will not be.
        id: ConnectionId,
    },
    /// A client sent a plain request, which the consumer answers (`Command::Respond`).
    Request {
        /// The connection.
        id: ConnectionId,
        /// The request and its body.
        asked: Box<Asked>,
    },
    /// The client of an unanswered request is gone, or the time to answer is over.
    RequestGone {
        /// The connection.
        id: ConnectionId,
    },
    /// The connection is open: the 101 response is on its way.
    Open {
        /// The new connection.
        id: ConnectionId,
        /// The connection's request, subprotocol and user.
        opened: Box<Opened>,
    },
    /// The outbox of a connection that was congested is empty again.
    Drain {
        /// The connection.
        id: ConnectionId,
    },
    /// The connection comes from another worker: its next events are for this one. Sent by a front, never by a shard.
    Attach {
        /// The connection.
        id: ConnectionId,
        /// The connection's request, subprotocol and user.
        opened: Box<Opened>,
    },
    /// The connection goes to another worker. This is its last event here. Sent by a front, never by a shard.
    Detach {
        /// The connection.
        id: ConnectionId,
    },
    /// The connection is closed. This is its last event.
    Close {
        /// The connection.
        id: ConnectionId,
        /// The close code of the side that closed first; 1005 for a close frame without a code, 1006
        /// when the connection broke (RFC 6455 section 7.1.5).
        code: u16,
        /// The reason that came with the code.
        reason: Box<str>,
    },
    /// A user joined or left an announced topic. The topic's subscribers were notified in the same order.
    Presence(Box<PresenceChange>),
    /// A record for the log.
    Log(Box<LogRecord>),
    /// A shard has closed its last connection and its thread ends.
    Stopped {
        /// The shard's number.
        shard: usize,
        /// The message of the panic that ended the shard; `None` if it ended as ordered.
        panic: Option<String>,
    },
    /// A whole message arrived. Workers get it in a format of its own; it is the last, for a variant that is skipped
    /// moves the numbers of those behind it.
    #[serde(skip)]
    Message {
        /// Its sender.
        id: ConnectionId,
        /// The payload; UTF-8 unless `binary`.
        payload: Bytes,
        /// True for a binary message.
        binary: bool,
    },
}

impl Event {
    /// The connection that asks for a decision or a response with this event.
    pub fn id(&self) -> Option<ConnectionId> {
        match self {
            Self::Handshake { id, .. } | Self::Request { id, .. } => Some(*id),
            _ => None,
        }
    }

    /// Bytes that a message with a payload of `payload` bytes occupies while it waits for the consumer: the payload and
    /// its place in the queue.
    pub const fn message_cost(payload: usize) -> usize {
        payload + ENTRY
    }
}

/// A handshake that waits for a decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handshake {
    /// The client's request.
    pub request: Request,
    /// The first subprotocol that the client offers and the server supports.
    pub protocol: Option<String>,
    /// The identity from the client's token, if the server requires one.
    pub identity: Option<Identity>,
}

/// The identity that a client has proved with its token. Its user, topics and tags become those of the connection,
/// unless the consumer accepts the client with others.
///
/// A process that reads one from another process trusts the sender: nothing is checked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The application's name for the user.
    pub user: Option<String>,
    /// The first topics of the connection.
    pub topics: Vec<Arc<str>>,
    /// The first tags of the connection.
    pub tags: Vec<(Arc<str>, TagValue)>,
    /// All claims of the token: a JSON object.
    pub claims: Box<str>,
}

/// A plain request that waits for a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// The request line and headers.
    pub request: Request,
    /// The body.
    pub body: Vec<u8>,
}

/// The properties of a connection that opens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The client's request; `None` if the consumer got it with `Event::Handshake`.
    pub request: Option<Request>,
    /// The negotiated subprotocol.
    pub protocol: Option<String>,
    /// The user that `Command::Accept` named.
    pub user: Option<String>,
}

/// A join or leave: a user entered or left a topic. For one user and topic, joins and leaves alternate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PresenceChange {
    /// The topic.
    pub topic: Arc<str>,
    /// The user.
    pub user: Arc<str>,
    /// True for a join.
    pub joined: bool,
    /// The user's connection that joined first or left last.
    pub connection: ConnectionId,
}

/// A record for the log, not yet formatted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogRecord {
    /// The severity.
    pub level: LogLevel,
    /// A sentence; the same for every record of its kind.
    pub message: String,
    /// The values of this record, by name. Never a token, a query string or a payload.
    pub context: Vec<(String, String)>,
}

/// Time between two records about one thing that clients can repeat.
pub const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// The PSR-3 levels that the server uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogLevel {
    /// Normal operation, such as start and stop.
    Info,
    /// The server works, but the operator should look at an option.
    Warning,
    /// A part of the server failed.
    Error,
}

impl LogLevel {
    /// The PSR-3 name of the level.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// Bytes of a place in the queue and of the overhead of an allocation.
const ENTRY: usize = 64;
