//! HTTP/1.1 up to the upgrade, and the requests that stay HTTP, with their answers.
//!
//! Sans-I/O: bytes come in, a decision goes out. [`HeadReader`] finds the end of the head as bytes
//! arrive and refuses at the first byte that cannot be part of one; [`parse_upgrade`] turns a
//! complete head into an [`Upgrade`] or a [`HttpRefusal`], [`parse_plain`] into a [`Plain`] request, whose
//! body [`BodyReader`] takes; [`switching_protocols`], [`rejection`], [`response()`] and
//! [`HttpRefusal::to_response`] write the answers.
//!
//! It does not read sockets, keep deadlines, know connections, or log: an
//! [`HttpRefusal`] carries the text of a log line. It holds no queue, so nothing can fill up: a head is
//! bounded by [`HeadLimits`], and only one compact [`Request`] outlives the handshake.
//!
//! # Why not hyper
//!
//! A connection speaks HTTP for one request and WebSocket for hours. hyper wants a task and buffers
//! of its own for each connection, and hands over the bytes that it has read ahead. It also accepts input that we
//! refuse (bare LF, white space around names), so the strict reading would be written anyway.
//! `httparse`, hyper's own grammar, does the slicing; [`HeadReader`] is the strictness around it, and
//! a head has to pass both.

mod accept_key;
mod body;
mod extensions;
mod forwarded;
mod head;
mod head_limits;
mod head_state;
mod parameters;
mod plain;
mod refusal;
mod request;
mod response;
pub mod sample;
pub mod status;
#[cfg(test)]
mod tests;
mod transfer;
mod upgrade;

pub use body::{BodyReader, Framing};
pub use extensions::{Malformed, negotiate};
pub use forwarded::{Client, client};
pub use head::{HeadReader, is_head};
pub use head_limits::{HeadLimits, Methods};
pub use parameters::{form_decoded, percent_decoded};
pub use plain::{Plain, parse_plain};
pub use refusal::HttpRefusal;
pub use request::Request;
pub use response::{CONTINUE, HeaderError, check_header, dated, rejection, response, switching_protocols};
pub use upgrade::{Peer, Upgrade, UpgradeRules, parse_upgrade};

/// Decides whether `byte` may stand in a token (RFC 9110 §5.6.2): methods, field names, subprotocols.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Decides whether `bytes` are a token: at least one byte, each a token byte.
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Decides whether `byte` may stand in a field value (RFC 9110 §5.5): anything but control bytes, except
/// the tab.
const fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

/// The elements of a comma-separated list (RFC 9110 §5.6.1): trimmed, empty ones left out.
fn list(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}
