//! The body of a plain request, read while it arrives.
//!
//! Only bytes that have arrived are counted. An announced length allocates nothing; it serves to refuse a body
//! early that cannot fit.

use super::refusal::{HttpRefusal, RefusalKind};
use super::{is_token_byte, is_value_byte};

/// The two ways in which a body marks its end (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// By its length; 0 also for a request without a body.
    Length(u64),
    /// By chunks (RFC 9112 §7.1).
    Chunked,
}

/// Extracts a body from bytes that arrive piece by piece.
///
/// Chunks are read strictly: lines end with CR LF, a size is hexadecimal digits and nothing around them.
/// Extensions and trailers are checked, bounded together, and ignored.
#[derive(Clone, Debug)]
pub struct BodyReader {
    state: State,
    /// Bytes of the chunk, or of the body, that are still to come.
    left: u64,
    /// Bytes of extensions and trailers that have come.
    extra: usize,
    limit: usize,
}

impl BodyReader {
    /// Creates a reader of one body of at most `limit` bytes. A longer one is refused with 413.
    pub fn new(framing: Framing, limit: usize) -> Result<Self, HttpRefusal> {
        let (state, left) = match framing {
            Framing::Length(0) => (State::Done, 0),
            Framing::Length(length) if length > limit as u64 => return Err(RefusalKind::BodyTooLong.into()),
            Framing::Length(length) => (State::Plain, length),
            Framing::Chunked => (State::Size(0), 0),
        };
        Ok(Self { state, left, extra: 0, limit })
    }

    /// Appends the bytes of `input` that belong to the body to `body`; true once the body is whole. Later bytes are
    /// ignored.
    pub fn advance(&mut self, mut input: &[u8], body: &mut Vec<u8>) -> Result<bool, HttpRefusal> {
        while let Some((&byte, rest)) = input.split_first() {
            match self.state {
                State::Done => break,
                State::Plain | State::Data => {
                    let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                    let (mine, after) = input.split_at(most.min(input.len()));
                    if body.len() + mine.len() > self.limit {
                        return Err(RefusalKind::BodyTooLong.into());
                    }
                    body.extend_from_slice(mine);
                    self.left -= mine.len() as u64;
                    if self.left == 0 {
                        self.state = if self.state == State::Plain { State::Done } else { State::DataCr };
                    }
                    input = after;
                }
                _ => {
                    self.state = self.after(byte)?;
                    // A size that cannot fit is refused before its bytes come.
                    if self.state == State::Data
                        && self.left > (self.limit - body.len().min(self.limit)) as u64
                    {
                        return Err(RefusalKind::BodyTooLong.into());
                    }
                    input = rest;
                }
            }
        }
        Ok(self.state == State::Done)
    }

    /// Finds the state after a byte between the data.
    fn after(&mut self, byte: u8) -> Result<State, RefusalKind> {
        match (self.state, byte) {
            (State::Size(digits), _) if char::from(byte).is_ascii_hexdigit() && digits < SIZE_DIGITS => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                self.left = self.left << 4 | u64::from(digit);
                Ok(State::Size(digits + 1))
            }
            (State::Size(1..), b';') => Ok(State::Extension),
            (State::Size(1..), b'\r') => Ok(State::SizeLf),
            (State::Extension, b'\r') => Ok(State::SizeLf),
            (State::Extension, _) if is_value_byte(byte) => self.count(State::Extension),
            (State::SizeLf, b'\n') if self.left == 0 => Ok(State::LineStart),
            (State::SizeLf, b'\n') => Ok(State::Data),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataLf, b'\n') => Ok(State::Size(0)),
            (State::LineStart, b'\r') => Ok(State::LastLf),
            (State::LineStart, _) if is_token_byte(byte) => self.count(State::Name),
            (State::Name, b':') => self.count(State::Value),
            (State::Name, _) if is_token_byte(byte) => self.count(State::Name),
            (State::Value, b'\r') => Ok(State::LineLf),
            (State::Value, _) if is_value_byte(byte) => self.count(State::Value),
            (State::LineLf, b'\n') => Ok(State::LineStart),
            (State::LastLf, b'\n') => Ok(State::Done),
            _ => Err(RefusalKind::Chunk),
        }
    }

    fn count(&mut self, next: State) -> Result<State, RefusalKind> {
        self.extra += 1;
        if self.extra > EXTRA { Err(RefusalKind::ChunkExtra) } else { Ok(next) }
    }
}

/// The part of a body to which the next byte belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A body of known length.
    Plain,
    /// The size of a chunk, with the number of its digits that have come.
    Size(u8),
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// A trailer line, or the blank line at the end.
    LineStart,
    Name,
    Value,
    LineLf,
    LastLf,
    Done,
}

/// Digits of a chunk's size: more could not be counted.
const SIZE_DIGITS: u8 = 16;
/// Bytes of all extensions and trailers of a body.
const EXTRA: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads bytes that come in pieces of `size`: the body, or the status of the refusal.
    fn read(framing: Framing, limit: usize, bytes: &[u8], size: usize) -> Result<Option<Vec<u8>>, u16> {
        let mut body = Vec::new();
        let mut reader = BodyReader::new(framing, limit).map_err(|no| no.status())?;
        for piece in bytes.chunks(size.max(1)) {
            if reader.advance(piece, &mut body).map_err(|no| no.status())? {
                return Ok(Some(body));
            }
        }
        Ok(reader.advance(&[], &mut body).unwrap().then_some(body))
    }

    fn chunked(bytes: &[u8]) -> Result<Option<Vec<u8>>, u16> {
        let whole = read(Framing::Chunked, 100, bytes, usize::MAX);
        assert_eq!(read(Framing::Chunked, 100, bytes, 1), whole, "{}", bytes.escape_ascii());
        whole
    }

    #[test]
    fn a_body_of_known_length_ends_there_and_what_follows_is_left() {
        assert_eq!(read(Framing::Length(0), 9, b"GET /", 9), Ok(Some(vec![])));
        assert_eq!(read(Framing::Length(3), 9, b"abcGET /", 9), Ok(Some(b"abc".to_vec())));
        assert_eq!(read(Framing::Length(3), 9, b"ab", 1), Ok(None));
    }

    #[test]
    fn a_chunked_body_is_put_together() {
        assert_eq!(
            chunked(b"3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\nGET /"),
            Ok(Some(b"abc0123456789".to_vec()))
        );
        assert_eq!(chunked(b"0\r\n\r\n"), Ok(Some(vec![])));
        assert_eq!(chunked(b"000\r\nX-Sum: 1\r\nY:\r\n\r\n"), Ok(Some(vec![])));
        assert_eq!(chunked(b"1;a=b;c=\"d\"\r\nx\r\n0;z\r\n\r\n"), Ok(Some(b"x".to_vec())));
        assert_eq!(chunked(b"3\r\nabc\r\n0\r\n"), Ok(None));
    }

    #[test]
    fn a_chunk_that_two_servers_could_read_differently_is_refused() {
        for bytes in [
            b"\r\n".as_slice(),
            b"3\nabc\r\n0\r\n\r\n",
            b"3\r\nabc\n0\r\n\r\n",
            b"3\r\nabcd\r\n0\r\n\r\n",
            b"3 \r\nabc\r\n0\r\n\r\n",
            b" 3\r\nabc\r\n0\r\n\r\n",
            b"3 ;a\r\nabc\r\n0\r\n\r\n",
            b"0x3\r\nabc\r\n0\r\n\r\n",
            b"+3\r\nabc\r\n0\r\n\r\n",
            b"-1\r\n",
            b"3;a\nabc\r\n0\r\n\r\n",
            b"3;\x00\r\n",
            b"3\r\rabc",
            b";a\r\n",
            b"11111111111111111\r\n",
            b"0\r\n\n",
            b"0\r\n: a\r\n\r\n",
            b"0\r\n a: b\r\n\r\n",
            b"0\r\na : b\r\n\r\n",
            b"0\r\na: b\n\r\n",
            b"0\r\na\r\n\r\n",
        ] {
            assert_eq!(chunked(bytes), Err(400), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_body_of_the_limit_passes_and_one_byte_more_is_413() {
        assert_eq!(read(Framing::Length(5), 5, b"12345", 9), Ok(Some(b"12345".to_vec())));
        assert_eq!(read(Framing::Length(6), 5, b"", 9), Err(413));
        assert_eq!(read(Framing::Length(u64::MAX), 5, b"", 9), Err(413));
        assert_eq!(
            read(Framing::Chunked, 5, b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 1),
            Ok(Some(b"abcde".to_vec()))
        );
        assert_eq!(read(Framing::Chunked, 5, b"3\r\nabc\r\n3\r\n", 1), Err(413));
        assert_eq!(read(Framing::Chunked, 5, b"ffffffffffffffff\r\n", 1), Err(413));
    }

    #[test]
    fn extensions_and_trailers_are_bounded_together() {
        let line = |length: usize| [b"1;".as_slice(), &vec![b'x'; length], b"\r\na\r\n0\r\n\r\n"].concat();
        assert_eq!(read(Framing::Chunked, 9, &line(EXTRA), 1000), Ok(Some(b"a".to_vec())));
        assert_eq!(read(Framing::Chunked, 9, &line(EXTRA + 1), 1000), Err(400));
        let many = b"1;12345678\r\na\r\n".repeat(600);
        assert_eq!(read(Framing::Chunked, 1000, &many, 1000), Err(400));
        let trailers = [b"0\r\n".as_slice(), &b"a: 45678\r\n".repeat(600)].concat();
        assert_eq!(read(Framing::Chunked, 1000, &trailers, 1000), Err(400));
    }

    #[test]
    fn what_is_announced_allocates_nothing() {
        let mut body = Vec::new();
        let mut reader = BodyReader::new(Framing::Length(1 << 30), 1 << 30).unwrap();
        assert!(!reader.advance(b"a", &mut body).unwrap());
        assert!(body.capacity() < 64);
    }

    proptest! {
        #[test]
        fn a_body_split_anywhere_is_the_body_whole(
            body in prop::collection::vec(any::<u8>(), 0..200), sizes in prop::collection::vec(1..40usize, 1..9),
            pieces in 1..50usize,
        ) {
            let mut bytes = Vec::new();
            let mut rest = body.as_slice();
            for size in sizes.iter().cycle() {
                let (chunk, after) = rest.split_at((*size).min(rest.len()));
                bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                bytes.extend(chunk);
                bytes.extend(b"\r\n");
                rest = after;
                if chunk.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(read(Framing::Chunked, 200, &bytes, pieces), Ok(Some(body)));
        }

        #[test]
        fn bytes_of_any_kind_cause_no_panic_and_no_body_over_the_limit(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"\r\n0123af;:".to_vec())], 0..200),
            pieces in 1..50usize,
        ) {
            if let Ok(Some(body)) = read(Framing::Chunked, 20, &bytes, pieces) {
                prop_assert!(body.len() <= 20);
            }
        }
    }
}
