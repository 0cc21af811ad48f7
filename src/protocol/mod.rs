//! Protocols on top of WebSockets that the shards speak, without PHP on the way of a message.
//!
//! A server speaks one at most ([`config::Protocol`](crate::config::Protocol)). Each is a cargo feature and a folder
//! here, which only this file and its PHP class name.

#[cfg(feature = "gomoob")]
pub mod gomoob;

use std::{fmt::Debug, sync::Arc};

use crate::{
    config,
    http::Request,
    port::{Publisher, TagValue},
};

/// A protocol, shared by all shards.
pub trait Protocol: Debug + Send + Sync {
    /// Reads a client's handshake request. Returns the tags that the connection begins with, at most `max_tags`; an
    /// error refuses the client with status 400 and its text.
    fn handshake(&self, request: &Request, max_tags: usize) -> Result<Vec<(Arc<str>, TagValue)>, String>;

    /// Handles a whole message on the shard of its connection; sends by `publisher`, which never waits. Called only
    /// while the consumer does not want to see messages and has nothing of the connection to finish, so that the
    /// order of a connection's messages is kept.
    fn message(&self, message: &Message<'_>, publisher: &mut Publisher) -> Handled;
}

/// A whole message from a client.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// UTF-8 unless `binary`.
    pub payload: &'a [u8],
    /// True for a binary message.
    pub binary: bool,
}

/// The outcome of [`Protocol::message`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// The message is done.
    Done,
    /// The message is the consumer's, as if there were no protocol: `Event::Message`.
    ForConsumer,
}

/// Makes the protocol that a server is to speak.
pub fn protocol(chosen: &config::Protocol) -> Arc<dyn Protocol> {
    match *chosen {
        #[cfg(feature = "gomoob")]
        config::Protocol::Gomoob(ref options) => Arc::new(gomoob::Gomoob::new(options)),
    }
}
