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

pub use audience::forward;
pub use frame::{Frame, Message, Refusal};
pub use json::{MAX_DEPTH, encode};
pub use tags::{BadTags, connection_tags};
