//! The items that the decoder hands over.

use bytes::Bytes;

use super::{close::CloseFrame, opcode::OpCode, violation::Violation};

/// One item that a client sent.
#[derive(Debug, Clone, PartialEq, Eq)]
// A tag as wide as the next field lets a `Received` be moved by whole words; with a one-byte tag
// each move stalled on the bytes just written, some 10 ns a message.
#[repr(u64)]
pub enum Received {
    /// The next bytes of a compressed message that goes on, [`DecodeLimits::part`](super::DecodeLimits::part) of them.
    Part(Bytes),
    /// A whole data message (RFC 6455 §5.6), in one fragment or many; or the rest of one
    /// of which a [`Part`](Self::Part) has been handed over.
    Message {
        /// The bytes. Valid UTF-8 unless `binary` or `compressed`. Keeps no more memory alive than twice its
        /// length, unless `compressed`: then it may be a slice of the bytes that were read.
        payload: Bytes,
        /// True for a binary message, false for text.
        binary: bool,
        /// True if the payload is still to be inflated (RFC 7692 §6.2): then its text is unchecked and
        /// its size after that unknown.
        compressed: bool,
    },
    /// A ping, to be answered with a pong of the same payload (§5.5.2).
    Ping(Bytes),
    /// A pong, asked for or not (§5.5.3).
    Pong(Bytes),
    /// The peer closes; nothing after this is to be read (§5.5.1). `None` if it gives no code.
    Close(Option<CloseFrame>),
}

impl Received {
    /// Turns the opcode and the unmasked `payload` of a whole control frame into an item.
    pub(super) fn from_control(opcode: OpCode, payload: Bytes) -> Result<Self, Violation> {
        Ok(match opcode {
            OpCode::Ping => Self::Ping(payload),
            OpCode::Pong => Self::Pong(payload),
            _ => Self::Close(CloseFrame::parse(payload)?),
        })
    }
}
