//! Violations of the protocol by a peer, and the close code that reports each.

use super::close_code::CloseCode;

/// Reasons to fail a connection (RFC 6455 §7.1.7): the RFC or a limit forbids its bytes.
///
/// The `Display` text is a sentence of at most 123 bytes, fit to be the reason of the close frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// A client frame without a mask (§5.1).
    #[error("client frames must be masked")]
    Unmasked,
    /// RSV1, RSV2 or RSV3 set while no extension gives it a meaning (§5.2).
    #[error("a reserved bit is set where no extension gives it a meaning")]
    ReservedBits,
    /// Opcode 3–7 or 11–15 (§5.2).
    #[error("opcode {0} is reserved")]
    ReservedOpCode(u8),
    /// A length that fits a shorter form (§5.2).
    #[error("the payload length is not encoded in its shortest form")]
    NonMinimalLength,
    /// A 64-bit length with its most significant bit set (§5.2).
    #[error("the payload length has its top bit set")]
    LengthTopBit,
    /// A control frame without FIN (§5.5).
    #[error("control frames must not be fragmented")]
    FragmentedControl,
    /// A control frame that declares more than 125 bytes (§5.5).
    #[error("control frames carry at most 125 bytes")]
    ControlTooLong,
    /// A continuation frame while no message is open (§5.4).
    #[error("continuation frame without a message to continue")]
    UnexpectedContinuation,
    /// A text or binary frame while a fragmented message is open (§5.4).
    #[error("a new message began inside a fragmented one")]
    InterruptedMessage,
    /// Text or a close reason that is not UTF-8 (§5.5.1, §8.1).
    #[error("text is not valid UTF-8")]
    InvalidUtf8,
    /// A close code that a peer may not send (§7.4).
    #[error("close code {0} must not be sent")]
    InvalidCloseCode(u16),
    /// A close frame with a body of one byte (§5.5.1).
    #[error("a close frame has no body, or one of at least two bytes")]
    InvalidCloseLength,
    /// A message that declares more bytes than the limit, summed over its fragments.
    #[error("messages are limited to {limit} bytes")]
    MessageTooBig {
        /// The limit that it exceeds, in bytes.
        limit: usize,
    },
    /// A compressed message that no compressor wrote (RFC 7692 §7.2.2).
    #[error("the compressed message is corrupt")]
    Corrupt,
    /// A compressed message of which hardly anything comes out.
    #[error("the compressed message is almost nothing but the headers of blocks")]
    Hollow,
    /// More fragments than the bytes they carry can justify.
    #[error("the message is cut into too many fragments")]
    TooManyFragments,
    /// More empty fragments than any sender has a use for.
    #[error("the message has too many empty fragments")]
    TooManyEmptyFragments,
}

impl Violation {
    /// The code of the close frame that answers it (RFC 6455 §7.4.1): 1002, 1007, 1008 or 1009.
    #[must_use]
    pub const fn close_code(&self) -> u16 {
        match self {
            Self::InvalidUtf8 | Self::Corrupt | Self::Hollow => CloseCode::INVALID_PAYLOAD,
            Self::MessageTooBig { .. } => CloseCode::MESSAGE_TOO_BIG,
            Self::TooManyFragments | Self::TooManyEmptyFragments => CloseCode::POLICY_VIOLATION,
            Self::Unmasked
            | Self::ReservedBits
            | Self::ReservedOpCode(_)
            | Self::NonMinimalLength
            | Self::LengthTopBit
            | Self::FragmentedControl
            | Self::ControlTooLong
            | Self::UnexpectedContinuation
            | Self::InterruptedMessage
            | Self::InvalidCloseCode(_)
            | Self::InvalidCloseLength => CloseCode::PROTOCOL_ERROR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::close_code::MAX_REASON;

    #[test]
    fn every_violation_has_its_close_code_and_a_reason_that_fits_a_close_frame() {
        for (violation, code) in [
            (Violation::Unmasked, 1002),
            (Violation::ReservedBits, 1002),
            (Violation::ReservedOpCode(15), 1002),
            (Violation::NonMinimalLength, 1002),
            (Violation::LengthTopBit, 1002),
            (Violation::FragmentedControl, 1002),
            (Violation::ControlTooLong, 1002),
            (Violation::UnexpectedContinuation, 1002),
            (Violation::InterruptedMessage, 1002),
            (Violation::InvalidUtf8, 1007),
            (Violation::Corrupt, 1007),
            (Violation::Hollow, 1007),
            (Violation::InvalidCloseCode(u16::MAX), 1002),
            (Violation::InvalidCloseLength, 1002),
            (Violation::MessageTooBig { limit: usize::MAX }, 1009),
            (Violation::TooManyFragments, 1008),
            (Violation::TooManyEmptyFragments, 1008),
        ] {
            assert_eq!(violation.close_code(), code, "{violation:?}");
            let reason = violation.to_string();
            assert!(!reason.is_empty() && reason.len() <= MAX_REASON, "{reason}");
        }
    }
}
