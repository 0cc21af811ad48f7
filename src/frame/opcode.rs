//! Opcodes, and the order in which they may come (RFC 6455 §5.2, §5.4).

use super::violation::Violation;

/// Type of a frame (RFC 6455 §5.2, §11.8). The discriminant is the number on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OpCode {
    /// The next fragment of an open message (§5.4).
    Continuation = 0x0,
    /// A text message, or its first fragment (§5.6).
    Text = 0x1,
    /// A binary message, or its first fragment (§5.6).
    Binary = 0x2,
    /// The peer closes (§5.5.1).
    Close = 0x8,
    /// Asks the other side for a sign of life (§5.5.2).
    Ping = 0x9,
    /// The answer to a ping, or a sign of life unasked (§5.5.3).
    Pong = 0xA,
}

impl OpCode {
    /// Close, ping or pong: never fragmented, at most 125 bytes (RFC 6455 §5.5).
    #[must_use]
    #[inline]
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }

    /// Tells whether a frame that begins with `first` is a control frame, provided that it is a frame.
    #[inline]
    pub(super) const fn is_control_byte(first: u8) -> bool {
        first & 0x8 != 0
    }

    /// The low four bits of a frame's first byte (RFC 6455 §5.2).
    #[inline]
    pub(super) const fn from_nibble(nibble: u8) -> Result<Self, Violation> {
        Ok(match nibble {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            reserved => return Err(Violation::ReservedOpCode(reserved)),
        })
    }
}

/// Decides whether a frame may come here (RFC 6455 §5.4): fragments of one message follow each other, with
/// only control frames between them.
#[inline]
pub(super) fn may_follow(opcode: OpCode, in_fragmented: bool) -> Result<(), Violation> {
    match (opcode, in_fragmented) {
        (OpCode::Continuation, false) => Err(Violation::UnexpectedContinuation),
        (OpCode::Text | OpCode::Binary, true) => Err(Violation::InterruptedMessage),
        _ => Ok(()),
    }
}

/// Most bytes of a control frame's payload (§5.5), which is also the largest length that one byte encodes.
pub(super) const MAX_CONTROL: u8 = 125;
