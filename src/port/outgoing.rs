//! Messages to clients, and the outcomes of sending them.

/// A message to clients.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The bytes; UTF-8 unless `binary`, which the caller has checked.
    pub payload: &'a [u8],
    /// True for a binary message.
    pub binary: bool,
    /// True to compress it for clients that negotiated compression; `None` compresses text from a threshold on.
    pub compress: Option<bool>,
}

impl<'a> Outgoing<'a> {
    /// Makes a message for which the server decides about compression.
    pub fn new(payload: &'a [u8], binary: bool) -> Self {
        Self { payload, binary, compress: None }
    }
}

/// The outcome of sending a message to one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendResult {
    /// Queued, and the client keeps up.
    Queued,
    /// Queued, but the client's socket is full at the moment.
    Buffered,
    /// Not sent: the outbox is full, and the policy drops the newest message.
    Dropped,
    /// Not sent: the connection is closed or closing, or the outbox is full and the policy closes the connection.
    Closed,
}

/// An error: the payload is too large ever to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{payload} bytes are more than may ever wait: {limit} bytes (limits.totalSendBuffer, shared by the I/O threads)"
)]
pub struct PayloadTooBig {
    /// The payload's size in bytes.
    pub payload: usize,
    /// The budget of one shard, from `limits.totalSendBuffer`, in bytes.
    pub limit: usize,
}

/// An error: the response to a plain request is too large.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a response of {response} bytes is more than may wait for one client: {limit} bytes (limits.sendBuffer)"
)]
pub struct ResponseTooBig {
    /// The size of the response's body and headers in bytes.
    pub response: usize,
    /// The most bytes that it may have.
    pub limit: usize,
}
