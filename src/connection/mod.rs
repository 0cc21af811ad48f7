//! One client: its socket, its phase, its credit and its outbox.
//!
//! A connection lives and dies on one shard. It reads through a buffer that the shard lends it and owns memory only
//! for unfinished data. Knows neither topics nor the consumer of the queue.

mod buffers;
mod credit;
mod framing;
mod heartbeat;
mod open_state;
mod outbox;
mod reader;
mod send_gauge;
mod writer;

use std::{sync::Arc, task, time::Duration};

use bytes::{Bytes, BytesMut};

pub use buffers::Buffers;
pub use credit::Credit;
pub use framing::Framer;
pub use heartbeat::{Beat, Heart};
pub use open_state::{ControlRate, OpenState, Throttled};
pub use outbox::{FRAME_COST, Outbox, SMALL_FRAME};
pub use reader::Read;
pub use send_gauge::{Reserved, SendGauge};
pub use writer::Written;

use crate::{
    deflate::{Agreement, Contexts},
    frame::{self, OpCode},
    http::{BodyReader, HeadReader, Request},
    limits::Admission,
    queue::{ConnectionId, TagValue},
    socket::{PeerAddress, Stream},
};

/// One client's socket and state.
#[derive(Debug)]
pub struct Connection {
    /// Its name.
    pub id: ConnectionId,
    /// Its socket.
    pub stream: Stream,
    /// Where it connects from, or where a PROXY header says.
    pub address: PeerAddress,
    /// True if it speaks TLS, as far as is known before its request is read.
    pub secure: bool,
    /// Puts the connection on its shard's list of ready ones.
    pub waker: task::Waker,
    /// Its phase.
    pub phase: Phase,
    /// When the phase must be over. In `Open`, when the client's token is, by a clock that does not stop.
    pub deadline: Duration,
    /// Frames that wait for the client.
    pub outbox: Outbox,
    /// The requests that it may make.
    pub access: Access,
    /// Its place in the counts by address.
    pub admission: Option<Admission>,
    /// Bytes of the outbox that the shard's total includes.
    pub counted: usize,
    /// Bytes of `unread` that the shard's total includes.
    pub counted_unread: usize,
    /// Bytes that were read and cannot be handled yet.
    pub unread: BytesMut,
    /// Its side as a WebSocket, from `Open` on.
    pub open: Option<Box<OpenState>>,
    /// True if it is on the shard's list of connections to write to.
    pub dirty: bool,
    /// Since when the socket takes nothing; `None` while it does.
    pub stalled: Option<Duration>,
    /// Bytes of its request head, which the consumer keeps with the connection.
    pub head: u16,
}

/// The requests that a client may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everything there is.
    Full,
    /// Requests about the server's health: it came when no others are let in.
    Monitoring,
    /// The metrics: it came to an address that serves nothing else.
    Metrics,
}

/// The phases of a connection. It only ever goes down this list.
#[derive(Debug)]
pub enum Phase {
    /// The PROXY header is being read; the bytes so far are `unread`.
    ProxyHeader {
        /// True if TLS follows it.
        tls: bool,
    },
    /// The handshake of TLS.
    Tls,
    /// The request head is being read.
    Head(Box<Head>),
    /// PHP decides whether the client may connect; nothing is read.
    Deciding(Box<Deciding>),
    /// The body of a plain request is being read.
    Body(Box<Body>),
    /// PHP has the request and is to answer it; nothing is read.
    Asking {
        /// True if the answer has no body.
        to_head: bool,
    },
    /// The answer to a plain request leaves, as fast as the client takes it.
    Responding,
    /// Messages go both ways.
    Open,
    /// The client broke a rule. Nothing more is read; its earlier messages are still answered, then the connection is
    /// failed.
    Failing {
        /// The code to fail it with.
        code: u16,
        /// The reason to give.
        reason: Box<str>,
    },
    /// The server has sent a close frame and waits for the client's.
    Closing {
        /// The code it sent.
        code: u16,
        /// The reason it sent.
        reason: Box<str>,
    },
    /// The last bytes leave, then FIN, then the client's FIN is awaited so that no reset overtakes
    /// them (RFC 9112 section 9.6).
    Lingering {
        /// True once FIN was sent.
        finished: bool,
    },
}

/// A request head that has not arrived whole.
#[derive(Debug)]
pub struct Head {
    /// The bytes so far.
    pub received: Vec<u8>,
    /// The progress of the reader.
    pub reader: HeadReader,
}

/// A plain request whose body has not arrived whole.
#[derive(Debug)]
pub struct Body {
    /// Its head.
    pub request: Request,
    /// The bytes so far.
    pub received: Vec<u8>,
    /// The progress of the reader.
    pub reader: BodyReader,
}

/// The state for answering a handshake that PHP decides about.
#[derive(Debug)]
pub struct Deciding {
    /// The value of `Sec-WebSocket-Accept`.
    pub accept_key: [u8; 28],
    /// The agreement about compression.
    pub deflate: Option<Agreement>,
    /// When the connection must end that comes of it.
    pub expires: Option<Duration>,
    /// The tags that the protocol gives the connection.
    pub tags: Vec<(Arc<str>, TagValue)>,
    /// The client's request, if the connection is to keep it.
    pub request: Option<Box<Request>>,
}

impl Connection {
    /// A client whose request head is still to come.
    pub fn new(
        id: ConnectionId,
        stream: Stream,
        address: PeerAddress,
        waker: task::Waker,
        deadline: Duration,
    ) -> Self {
        Self {
            id,
            stream,
            address,
            secure: false,
            waker,
            phase: Phase::head(),
            deadline,
            outbox: Outbox::default(),
            access: Access::Full,
            admission: None,
            counted: 0,
            counted_unread: 0,
            unread: BytesMut::new(),
            open: None,
            dirty: false,
            stalled: None,
            head: 0,
        }
    }

    /// True if it has asked, or is to ask, and is not answered yet.
    pub fn is_arriving(&self) -> bool {
        matches!(
            self.phase,
            Phase::ProxyHeader { .. }
                | Phase::Tls
                | Phase::Head(_)
                | Phase::Deciding(_)
                | Phase::Body(_)
                | Phase::Asking { .. }
        )
    }

    /// True if an HTTP response would be understood.
    pub fn may_answer(&self) -> bool {
        !matches!(self.phase, Phase::ProxyHeader { tls: true } | Phase::Tls)
    }

    /// True if bytes wait to leave.
    pub fn has_unsent(&self) -> bool {
        !self.outbox.is_empty() || self.stream.unsent() > 0
    }

    /// True if messages may be sent to it.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open | Phase::Failing { .. })
    }

    /// True if its socket may be read now.
    pub fn may_read(&self) -> bool {
        match (&self.phase, &self.open) {
            (Phase::Deciding(_) | Phase::Asking { .. } | Phase::Responding | Phase::Failing { .. }, _) => {
                false
            }
            (Phase::Open, Some(open)) => {
                !open.paused && !open.blocked && !open.throttled.is_some_and(|t| t.now)
            }
            _ => true,
        }
    }

    /// True if time runs against a client that does not take its bytes.
    pub fn is_waited_for(&self) -> bool {
        match (&self.phase, &self.open) {
            (Phase::Responding | Phase::Closing { .. } | Phase::Lingering { .. }, _) => true,
            (Phase::Open, Some(open)) => self.stalled.is_some() || open.heart.is_asking(),
            _ => false,
        }
    }

    /// The client has taken some of the bytes that its system was sent: its answer may be on its way, behind bytes
    /// that it has not read. `close_timeout` is the time that it then has to end.
    pub fn note_progress(&mut self, now: Duration, close_timeout: Duration) {
        if self.stalled.is_some() {
            self.stalled = Some(now);
        }
        if let Some(open) = &mut self.open {
            open.heart.postpone(now);
        }
        if matches!(self.phase, Phase::Closing { .. } | Phase::Lingering { .. }) {
            self.deadline = self.deadline.max(now.saturating_add(close_timeout));
        }
    }

    /// Puts a close frame at the end of the outbox.
    pub fn push_close(&mut self, code: Option<u16>, reason: &str) {
        let mut frame = BytesMut::new();
        match code {
            Some(code) => frame::encode_close(&mut frame, code, reason),
            None => frame::encode(&mut frame, OpCode::Close, b""),
        }
        // A pong that has no place yet must not come behind the close frame.
        self.outbox.place_pong(self.stalled.is_some());
        self.push(frame.freeze());
    }

    /// Puts bytes at the end of the outbox that the gauge does not count yet, budget or not.
    pub fn push(&mut self, frame: Bytes) {
        if let Some(open) = &mut self.open {
            open.unreported += (frame.len() + FRAME_COST) as isize;
        }
        self.outbox.push(frame);
    }

    /// The memory that goes with it, beside that of an idle connection and of a plain request's body.
    pub fn kept(&self) -> usize {
        let head = match &self.phase {
            Phase::Head(head) => head.received.capacity(),
            _ => self.head.into(),
        };
        let open = self
            .open
            .as_ref()
            .map_or(0, |open| open.decoder.held() + open.deflate.as_ref().map_or(0, Contexts::memory));
        self.counted + self.unread.capacity() + head + open
    }

    /// Corrects the shard's total after the outbox grew or shrank.
    pub fn settle(&mut self, total: &mut usize) {
        let bytes = self.outbox.retained() + self.stream.unsent();
        *total = (*total + bytes).saturating_sub(self.counted);
        self.counted = bytes;
    }

    /// The same for bytes that were read and cannot be handled yet.
    pub fn settle_unread(&mut self, total: &mut usize) {
        *total = (*total + self.unread.len()).saturating_sub(self.counted_unread);
        self.counted_unread = self.unread.len();
    }

    /// Goes on to `Lingering`: the outbox leaves, then FIN.
    pub fn linger(&mut self, deadline: Duration) {
        self.phase = Phase::Lingering { finished: false };
        self.deadline = deadline;
        self.unread = BytesMut::new();
    }
}

impl Phase {
    /// The request head is to be read.
    pub fn head() -> Self {
        Self::Head(Box::new(Head { received: Vec::new(), reader: HeadReader::new() }))
    }
}
