//! What the network tells PHP. Plain, owned, serialisable: the consumer may be another process.

use std::sync::Arc;

use bytes::Bytes;

use super::{ConnectionId, TagValue};
use crate::http::Request;

/// One thing that happened, in the order in which it happened on its connection.
///
/// Of one connection: at most one `Handshake`, then either `HandshakeGone` or `Open`; after
/// `Open`, messages and drains, then exactly one `Close`. Or one `Request`, and `RequestGone` if nobody
/// waits for its answer any more.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A client asks to connect and the consumer decides (`Command::Accept`, `Command::Reject`).
    Handshake {
        /// The connection to be.
        id: ConnectionId,
        /// What the client sent, with the subprotocol that the server would choose.
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
        /// What it asks for.
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
        /// Who it is.
        opened: Box<Opened>,
    },
    /// A whole message arrived.
    Message {
        /// Its sender.
        id: ConnectionId,
        /// The payload; UTF-8 unless `binary`.
        payload: Bytes,
        /// Whether it came as a binary message.
        binary: bool,
    },
    /// The outbox of a connection that was congested is empty again.
    Drain {
        /// The connection.
        id: ConnectionId,
    },
    /// The connection is closed; nothing of it follows.
    Close {
        /// The connection.
        id: ConnectionId,
        /// The code of whichever side closed first; 1005 for a close frame without a code, 1006
        /// when the connection broke (RFC 6455 section 7.1.5).
        code: u16,
        /// The reason that came with the code.
        reason: Box<str>,
    },
    /// A user joined or left an announced topic, as its subscribers were notified.
    Presence(PresenceChange),
    /// A line for the operator.
    Log(Box<LogRecord>),
    /// A shard has closed its last connection and its thread ends.
    Stopped {
        /// The shard's number.
        shard: usize,
        /// The panic that ended it, if it did not end as asked.
        panic: Option<String>,
    },
}

impl Event {
    /// What a message of so many bytes keeps while it waits for the consumer: itself and its place in the queue.
    pub const fn message_cost(payload: usize) -> usize {
        payload + ENTRY
    }
}

/// A handshake that waits for a decision.
#[derive(Debug, Clone, PartialEq)]
pub struct Handshake {
    /// What the client sent.
    pub request: Request,
    /// The first subprotocol the client offers that the server supports.
    pub protocol: Option<String>,
    /// Who it has proved to be, where that is asked.
    pub identity: Option<Identity>,
}

/// Who a client has proved to be, and what it is to begin with unless the consumer says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The application's name for who is connected.
    pub user: Option<String>,
    /// Topics to subscribe to.
    pub topics: Vec<Arc<str>>,
    /// Tags to have.
    pub tags: Vec<(Arc<str>, TagValue)>,
    /// Everything that its token says: a JSON object.
    pub claims: Box<str>,
}

/// A plain request that waits for an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What the client sent.
    pub request: Request,
    /// The body that came with it.
    pub body: Vec<u8>,
}

/// What is known of a connection when it opens.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// What the client sent; `None` if the consumer has it from `Event::Handshake`.
    pub request: Option<Request>,
    /// The subprotocol agreed on.
    pub protocol: Option<String>,
    /// The user that `Command::Accept` named.
    pub user: Option<String>,
}

/// A user who joined a topic or left it. For one user and topic, joins and leaves alternate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresenceChange {
    /// The topic.
    pub topic: Arc<str>,
    /// The user.
    pub user: Arc<str>,
    /// True for a join.
    pub joined: bool,
    /// The user's connection that joined first, or left last.
    pub connection: ConnectionId,
}

/// A line for the log, not yet formatted.
#[derive(Debug, Clone, PartialEq)]
pub struct LogRecord {
    /// How much it matters.
    pub level: LogLevel,
    /// A sentence; the same for every record of its kind.
    pub message: String,
    /// What differs from record to record. Never a token, a query string or a payload.
    pub context: Vec<(String, String)>,
}

/// The PSR-3 levels that the server uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Normal, worth a line: started, stopped.
    Info,
    /// Works, but an option should be looked at.
    Warning,
    /// A part of the server failed.
    Error,
}

impl LogLevel {
    /// The name PSR-3 gives it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// A place in the queue, and what an allocation costs beside what it holds.
const ENTRY: usize = 64;
