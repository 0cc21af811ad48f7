//! The interface of a protocol to the shards: a handshake is read, a whole message is handled.

use std::{fmt::Debug, sync::Arc};

use crate::{
    http::Request,
    port::{Publisher, TagValue},
};

/// A protocol. All shards share it.
pub trait Protocol: Debug + Send + Sync {
    /// Reads a client's handshake request. Returns the first tags of the connection, at most `max_tags`. An error
    /// refuses the client with status 400 and the error's text.
    fn handshake(&self, request: &Request, max_tags: usize) -> Result<Vec<(Arc<str>, TagValue)>, String>;

    /// Handles a whole message, on the shard of its connection. `publisher` never waits. Called only if the consumer
    /// does not want to see messages and has finished with the connection's earlier events, so the messages of a
    /// connection keep their order.
    fn message(&self, message: &Message<'_>, publisher: &mut Publisher) -> Handled;
}

/// A whole message from a client.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The payload; UTF-8 unless `binary`.
    pub payload: &'a [u8],
    /// True for a binary message.
    pub binary: bool,
}

/// The outcome of [`Protocol::message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// The message needs nothing more.
    Done,
    /// The consumer gets the message (`Event::Message`), as without a protocol.
    ForConsumer,
}
