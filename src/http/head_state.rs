//! The grammar of a request head, one byte at a time (RFC 9112 §3, §5).

use super::refusal::RefusalKind;
use super::{is_token_byte, is_value_byte};

/// The part of a head to which the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Between the CR and the LF of an empty line before the request line.
    EmptyLine,
    /// Bytes of the method and the space behind it that have come.
    Method(u8),
    Target,
    /// Bytes of `HTTP/1.1` CR LF that have come.
    Version(u8),
    LineStart,
    Name,
    Value,
    LineFeed,
    LastLineFeed,
    Done,
}

impl State {
    pub(super) fn after(self, byte: u8) -> Result<Self, RefusalKind> {
        match self {
            Self::EmptyLine if byte == b'\n' => Ok(Self::Method(0)),
            Self::EmptyLine => Err(RefusalKind::BareCr),
            Self::Method(at) => match METHOD.get(usize::from(at)) {
                Some(&expected) if expected == byte => {
                    Ok(if usize::from(at) + 1 == METHOD.len() { Self::Target } else { Self::Method(at + 1) })
                }
                _ if is_token_byte(byte) || (at > 0 && byte == b' ') => Err(RefusalKind::Method),
                _ => Err(RefusalKind::NotHttp),
            },
            Self::Target => match byte {
                b' ' => Ok(Self::Version(0)),
                // The rest of the printable characters; a fragment is forbidden by RFC 6455 §3.
                b'!'..=b'~' if byte != b'#' => Ok(Self::Target),
                b'\r' | b'\n' => Err(RefusalKind::NotHttp),
                _ => Err(RefusalKind::TargetByte),
            },
            Self::Version(at) => match VERSION.get(usize::from(at)) {
                Some(&expected) if expected == byte => Ok(if usize::from(at) + 1 == VERSION.len() {
                    Self::LineStart
                } else {
                    Self::Version(at + 1)
                }),
                Some(b'1') if byte.is_ascii_digit() => Err(RefusalKind::Version),
                Some(b'\r') if byte == b'\n' => Err(RefusalKind::BareLf),
                Some(b'\n') => Err(RefusalKind::BareCr),
                _ => Err(RefusalKind::NotHttp),
            },
            Self::LineStart => match byte {
                b'\r' => Ok(Self::LastLineFeed),
                b'\n' => Err(RefusalKind::BareLf),
                b' ' | b'\t' => Err(RefusalKind::Folding),
                _ if is_token_byte(byte) => Ok(Self::Name),
                _ => Err(RefusalKind::FieldName),
            },
            Self::Name => match byte {
                b':' => Ok(Self::Value),
                _ if is_token_byte(byte) => Ok(Self::Name),
                _ => Err(RefusalKind::FieldName),
            },
            Self::Value => match byte {
                b'\r' => Ok(Self::LineFeed),
                b'\n' => Err(RefusalKind::BareLf),
                _ if is_value_byte(byte) => Ok(Self::Value),
                _ => Err(RefusalKind::ControlByte),
            },
            Self::LineFeed | Self::LastLineFeed if byte != b'\n' => Err(RefusalKind::BareCr),
            Self::LineFeed => Ok(Self::LineStart),
            Self::LastLineFeed | Self::Done => Ok(Self::Done),
        }
    }
}

/// Finds the state after `byte`, which follows `at` bytes of a method, where plain requests are served.
pub(super) fn plain_method(received: &[u8], at: u8, byte: u8) -> Result<State, RefusalKind> {
    let begun = received.get(..usize::from(at)).unwrap_or_default();
    if byte == b' ' && !begun.is_empty() {
        return if PLAIN_METHODS.contains(&begun) {
            Ok(State::Target)
        } else {
            Err(RefusalKind::UnknownMethod)
        };
    }
    let is_known = |method: &&[u8]| method.starts_with(begun) && method.get(usize::from(at)) == Some(&byte);
    match PLAIN_METHODS.iter().any(is_known) {
        true => Ok(State::Method(at + 1)),
        false if is_token_byte(byte) => Err(RefusalKind::UnknownMethod),
        false => Err(RefusalKind::NotHttp),
    }
}

const METHOD: &[u8] = b"GET ";
const PLAIN_METHODS: [&[u8]; 7] = [b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"];
const VERSION: &[u8] = b"HTTP/1.1\r\n";
/// The place of the minor version in it.
pub(super) const MINOR: u8 = 7;
