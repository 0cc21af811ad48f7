//! The protocol of gomoob/php-websocket-server: clients tag their connections by the URL, and a message is forwarded to
//! the connections that have its tags.
//!
//! A [`Frame`] is read from a message, and [`forward`] sends it by a publisher. JSON is read and written as by PHP's
//! `json_decode()` and `json_encode()`. Errors have the text of the original. A message that the protocol cannot
//! forward goes to the consumer. Messages of one connection are forwarded in their order. This module knows neither
//! sockets nor Zend; the size of a message, and of its JSON, is bounded before it is read ([`MAX_DEPTH`]).

mod audience;
mod frame;
mod json;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::handler::{self, Handled, Protocol};
use crate::{
    config,
    http::Request,
    port::{Publisher, TagValue},
};
pub use audience::forward;
pub use frame::{Frame, FrameRefusal, Message};
pub use json::{MAX_DEPTH, encode};
pub use tags::{BadTags, connection_tags};

/// The protocol on the shards, for messages that do not need the application.
#[derive(Debug)]
pub(super) struct Gomoob {
    options: config::Gomoob,
}

impl Gomoob {
    pub(super) fn new(options: &config::Gomoob) -> Self {
        Self { options: options.clone() }
    }
}

impl Protocol for Gomoob {
    fn handshake(&self, request: &Request, max_tags: usize) -> Result<Vec<(Arc<str>, TagValue)>, String> {
        connection_tags(request.query_string(), max_tags).map_err(|error| error.to_string())
    }

    fn message(&self, message: &handler::Message<'_>, publisher: &mut Publisher) -> Handled {
        if self.options.authorizes {
            return Handled::ForConsumer;
        }
        // The consumer parses messages that are not text, and reports frames that cannot be forwarded.
        let Ok(Frame { message: Message::Text(text), tags }) =
            Frame::read(message.payload, self.options.parses)
        else {
            return Handled::ForConsumer;
        };
        match forward(publisher, &tags, &encode(&text), self.options.legacy) {
            Ok(_) => Handled::Done,
            Err(_) => Handled::ForConsumer,
        }
    }
}
