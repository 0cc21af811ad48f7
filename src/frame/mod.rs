//! Sans-I/O RFC 6455: bytes in, messages out, and back.
//!
//! A [`Decoder`] turns the bytes of one client into [`Received`] items, in wire order; [`encode()`]
//! writes the frames of the answer. Bytes come in as arguments and leave as values: nothing here
//! knows a socket, a clock, an allocator's limit or PHP, so every path replays byte for byte.
//!
//! It answers nothing (no pong, no close echo), keeps no time (a message's
//! deadline is the caller's, see [`Decoder::in_message`]), counts no control frames, and does not
//! decompress: a compressed message leaves as such, a large one in parts.
//!
//! Ordering: a control frame inside a fragmented message is handed over before that message, as on
//! the wire. A [`Violation`] is found at the first byte that proves it, for all splits of the stream,
//! and everything before that byte has been handed over. After a violation or a close frame the
//! caller stops reading; the decoder keeps no memory of having failed.
//!
//! When full: a message over its limit is refused at the header that declares it, before anything
//! is allocated for it. Memory is bounded by twice the bytes that have arrived, never by a declared
//! length.

mod assemble;
pub mod client;
mod close;
mod close_code;
mod decode;
mod decode_limits;
mod encode;
mod header;
pub mod mask;
mod opcode;
mod partial;
mod payloads;
mod received;
pub mod utf8;
mod violation;

pub use assemble::DirectRead;
pub use close::CloseFrame;
pub use close_code::{CloseCode, MAX_REASON, may_be_sent_by_application, may_be_sent_by_peer};
pub use decode::Decoder;
pub use decode_limits::DecodeLimits;
pub use encode::{
    MAX_HEADER, encode, encode_close, encode_compressed, encode_header, encoded_len, message_of,
};
pub use header::Header;
pub use opcode::OpCode;
pub use payloads::{CHUNK, Payloads};
pub use received::Received;
pub use violation::Violation;

#[cfg(test)]
mod tests;
