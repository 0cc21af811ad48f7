//! Where the request head ends, found while it arrives.
//!
//! Refuses at the first byte that cannot be part of an upgrade request, so that a scanner, a TLS
//! hello or a flood is answered from what has come and never waited for. Meaning (which fields, which
//! values) is `upgrade.rs`'s business.

use super::refusal::{Kind, Refusal};
use super::{is_token_byte, is_value_byte};

/// How large a request head may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the whole head with its blank line. Default 16 KiB; more than 65 535 counts as
    /// 65 535, because a [`Request`](super::Request) indexes its head with 16 bits. A connection
    /// keeps its head for as long as it lives. Beyond: 431 (RFC 6585 §5).
    pub max_head: usize,
    /// Header lines. Default 64; each costs eight bytes for as long as the connection lives.
    /// Beyond: 431.
    pub max_headers: usize,
    /// Bytes of the request target, path and query together. Default 4 KiB. Beyond: 414 (RFC 9110
    /// §15.5.15).
    pub max_target: usize,
}

impl Default for HeadLimits {
    fn default() -> Self {
        Self { max_head: 16 * 1024, max_headers: 64, max_target: 4 * 1024 }
    }
}

/// Finds the end of a request head in bytes that arrive piece by piece.
///
/// Stricter than RFC 9112 §2.2 asks: lines end with CR LF and nothing else, no blank line comes
/// before the request line, white space occurs only where the grammar has it, and there is no line
/// folding (§5.2).
///
/// ```
/// use ferrite::http::{HeadLimits, HeadReader};
/// let limits = HeadLimits::default();
/// let mut reader = HeadReader::new();
/// assert_eq!(reader.advance(b"GET / HTTP/1.1\r\nHost: a", &limits), Ok(None));
/// assert_eq!(reader.advance(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest", &limits), Ok(Some(27)));
/// assert_eq!(HeadReader::new().advance(b"POST", &limits).map_err(|no| no.status()), Err(405));
/// ```
#[derive(Clone, Debug)]
pub struct HeadReader {
    state: State,
    scanned: usize,
    target: usize,
    headers: usize,
    #[cfg(test)]
    looked_at: usize,
}

impl HeadReader {
    /// A reader that has seen nothing.
    pub const fn new() -> Self {
        Self {
            state: State::Method(0),
            scanned: 0,
            target: 0,
            headers: 0,
            #[cfg(test)]
            looked_at: 0,
        }
    }

    /// Looks at what has arrived since the last call; `received` is everything since the first.
    ///
    /// `Ok(Some(length))` is the length of the head with its blank line; later bytes are not looked
    /// at. `Ok(None)` asks for more. Each byte is looked at once, so a client that sends single bytes
    /// costs no more than one that sends the head at once. The outcome depends on the bytes alone,
    /// not on how they were cut; once it is there, calling again repeats it.
    pub fn advance(&mut self, received: &[u8], limits: &HeadLimits) -> Result<Option<usize>, Refusal> {
        let max_head = limits.max_head.min(usize::from(u16::MAX));
        for &byte in received.get(self.scanned..).unwrap_or_default() {
            if self.state == State::Done {
                break;
            }
            #[cfg(test)]
            {
                self.looked_at += 1;
            }
            // On a refusal nothing is moved on: the next call meets the same byte again.
            let next = self.state.after(byte)?;
            match (self.state, next) {
                (State::Target, State::Target) if self.target >= limits.max_target => {
                    return Err(Kind::TargetTooLong.into());
                }
                _ if self.scanned >= max_head => return Err(Kind::HeadTooLong.into()),
                (State::Target, State::Target) => self.target += 1,
                (State::Target, State::Version(_)) if self.target == 0 => return Err(Kind::TargetForm.into()),
                (State::LineStart, State::Name) if self.headers >= limits.max_headers => {
                    return Err(Kind::TooManyHeaders.into());
                }
                (State::LineStart, State::Name) => self.headers += 1,
                _ => {}
            }
            self.state = next;
            self.scanned += 1;
        }
        Ok((self.state == State::Done).then_some(self.scanned))
    }
}

impl Default for HeadReader {
    fn default() -> Self {
        Self::new()
    }
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Bytes of `GET ` that have come.
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
    fn after(self, byte: u8) -> Result<Self, Kind> {
        match self {
            Self::Method(at) => match METHOD.get(usize::from(at)) {
                Some(&expected) if expected == byte => {
                    Ok(if usize::from(at) + 1 == METHOD.len() { Self::Target } else { Self::Method(at + 1) })
                }
                _ if is_token_byte(byte) || (at > 0 && byte == b' ') => Err(Kind::Method),
                _ => Err(Kind::NotHttp),
            },
            Self::Target => match byte {
                b' ' => Ok(Self::Version(0)),
                // The rest of the printable characters; a fragment is forbidden by RFC 6455 §3.
                b'!'..=b'~' if byte != b'#' => Ok(Self::Target),
                b'\r' | b'\n' => Err(Kind::NotHttp),
                _ => Err(Kind::TargetByte),
            },
            Self::Version(at) => match VERSION.get(usize::from(at)) {
                Some(&expected) if expected == byte => Ok(if usize::from(at) + 1 == VERSION.len() {
                    Self::LineStart
                } else {
                    Self::Version(at + 1)
                }),
                Some(b'1') if byte.is_ascii_digit() => Err(Kind::Version),
                Some(b'\r') if byte == b'\n' => Err(Kind::BareLf),
                Some(b'\n') => Err(Kind::BareCr),
                _ => Err(Kind::NotHttp),
            },
            Self::LineStart => match byte {
                b'\r' => Ok(Self::LastLineFeed),
                b'\n' => Err(Kind::BareLf),
                b' ' | b'\t' => Err(Kind::Folding),
                _ if is_token_byte(byte) => Ok(Self::Name),
                _ => Err(Kind::FieldName),
            },
            Self::Name => match byte {
                b':' => Ok(Self::Value),
                _ if is_token_byte(byte) => Ok(Self::Name),
                _ => Err(Kind::FieldName),
            },
            Self::Value => match byte {
                b'\r' => Ok(Self::LineFeed),
                b'\n' => Err(Kind::BareLf),
                _ if is_value_byte(byte) => Ok(Self::Value),
                _ => Err(Kind::ControlByte),
            },
            Self::LineFeed | Self::LastLineFeed if byte != b'\n' => Err(Kind::BareCr),
            Self::LineFeed => Ok(Self::LineStart),
            Self::LastLineFeed | Self::Done => Ok(Self::Done),
        }
    }
}

const METHOD: &[u8] = b"GET ";
const VERSION: &[u8] = b"HTTP/1.1\r\n";
