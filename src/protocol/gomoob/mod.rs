//! The protocol of gomoob/php-websocket-server: connections tagged by their URL, and messages forwarded to those whose
//! tags are asked for.
//!
//! Without sockets and without Zend: a [`Frame`] is read, and [`forward`] has it sent by whoever may speak to the
//! connections. JSON means here what PHP's `json_decode()` and `json_encode()` make of it.

mod audience;
mod frame;
mod json;
mod tags;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{Handled, Protocol};
use crate::{
    config,
    http::Request,
    port::{Publisher, TagValue},
};
pub use audience::forward;
pub use frame::{Frame, Message, Refusal};
pub use json::{MAX_DEPTH, encode};
pub use tags::{BadTags, connection_tags};

/// The protocol as a shard speaks it: messages that need nothing of the application.
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

    fn message(&self, message: &super::Message<'_>, publisher: &mut Publisher) -> Handled {
        if self.options.authorizes {
            return Handled::ForConsumer;
        }
        // The consumer parses messages that are no text, and reports frames that cannot be forwarded.
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
