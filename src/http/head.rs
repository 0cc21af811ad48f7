//! Finds the end of a request head while it arrives.
//!
//! Refuses at the first byte that cannot be part of an upgrade request, so that a scanner, a TLS
//! hello or a flood is answered at once and never waited for. `upgrade.rs` and `plain.rs` read the meaning (fields
//! and values).

use super::head_limits::{HeadLimits, Methods};
use super::head_state::{MINOR, State, plain_method};
use super::refusal::{HttpRefusal, RefusalKind};

/// Finds the end of a request head in bytes that arrive piece by piece.
///
/// Stricter than RFC 9112 §2.2 asks: lines end with CR LF and nothing else, white space occurs only
/// where the grammar has it, and there is no line folding (§5.2). Empty lines before the request line are
/// passed over, as that section asks; they count as bytes of the head.
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
    /// Bytes of empty lines before the request line.
    empty: usize,
    target: usize,
    headers: usize,
    #[cfg(test)]
    looked_at: usize,
}

impl HeadReader {
    /// Creates a reader at the start of a request.
    pub const fn new() -> Self {
        Self {
            state: State::Method(0),
            scanned: 0,
            empty: 0,
            target: 0,
            headers: 0,
            #[cfg(test)]
            looked_at: 0,
        }
    }

    /// Reads the bytes that have arrived since the last call; `received` is everything since the first.
    ///
    /// `Ok(Some(length))` is the length of the head with its blank line; later bytes are
    /// ignored. `Ok(None)` asks for more. Each byte is read once, so a client that sends single bytes
    /// costs no more than one that sends the head at once. The outcome depends on the bytes alone,
    /// not on how they were cut; once it is there, calling again repeats it.
    pub fn advance(&mut self, received: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HttpRefusal> {
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
            let next = match (self.state, limits.methods) {
                (State::Method(0), _) if byte == b'\r' => State::EmptyLine,
                (State::Method(at), Methods::Plain) => {
                    plain_method(received.get(self.empty..).unwrap_or_default(), at, byte)?
                }
                (State::Version(MINOR), _) if limits.probes && byte == b'0' => State::Version(MINOR + 1),
                (state, _) => state.after(byte)?,
            };
            match (self.state, next) {
                (State::Target, State::Target) if self.target >= limits.max_target => {
                    return Err(RefusalKind::TargetTooLong.into());
                }
                _ if self.scanned >= max_head => return Err(RefusalKind::HeadTooLong.into()),
                (State::Target, State::Target) => self.target += 1,
                (State::Target, State::Version(_)) if self.target == 0 => {
                    return Err(RefusalKind::TargetForm.into());
                }
                (State::LineStart, State::Name) if self.headers >= limits.max_headers => {
                    return Err(RefusalKind::TooManyHeaders.into());
                }
                (State::LineStart, State::Name) => self.headers += 1,
                (State::EmptyLine, _) => self.empty = self.scanned + 1,
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

/// Skips the empty lines before a request line.
pub(super) fn without_empty_lines(mut bytes: &[u8]) -> &[u8] {
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    bytes
}

/// Tells whether bytes that begin a request ask for an answer without a body (RFC 9110 §9.3.2).
pub fn is_head(request: &[u8]) -> bool {
    without_empty_lines(request).starts_with(b"HEAD ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &[u8] = b"GET /chat?a=b HTTP/1.1\r\nHost: h\r\nX-Empty:\r\nX-Bytes: \t\xff\x80\r\n\r\n";

    fn whole(bytes: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HttpRefusal> {
        HeadReader::new().advance(bytes, limits)
    }

    fn status(bytes: &[u8]) -> u16 {
        whole(bytes, &HeadLimits::default()).unwrap_err().status()
    }

    /// The first outcome that is not "more", and how many bytes had come by then.
    fn dribble(bytes: &[u8], limits: &HeadLimits) -> (Result<Option<usize>, HttpRefusal>, usize) {
        let mut reader = HeadReader::new();
        for end in 0..=bytes.len() {
            let outcome = reader.advance(&bytes[..end], limits);
            if outcome != Ok(None) {
                return (outcome, end);
            }
        }
        (Ok(None), bytes.len())
    }

    #[test]
    fn a_head_split_at_every_byte_ends_where_the_whole_one_does() {
        let limits = HeadLimits::default();
        for cut in 0..HEAD.len() {
            let mut reader = HeadReader::new();
            assert_eq!(reader.advance(&HEAD[..cut], &limits), Ok(None), "cut at {cut}");
            assert_eq!(reader.advance(HEAD, &limits), Ok(Some(HEAD.len())), "cut at {cut}");
        }
    }

    #[test]
    fn bytes_after_the_head_are_not_looked_at() {
        let mut bytes = HEAD.to_vec();
        bytes.extend_from_slice(b"\x00\n\x81");
        let mut reader = HeadReader::new();
        assert_eq!(reader.advance(&bytes, &HeadLimits::default()), Ok(Some(HEAD.len())));
        assert_eq!(reader.looked_at, HEAD.len());
        assert_eq!(reader.advance(&bytes, &HeadLimits::default()), Ok(Some(HEAD.len())), "and again");
    }

    #[test]
    fn a_dribbling_client_costs_one_look_at_each_byte() {
        let mut bytes = b"GET / HTTP/1.1\r\nA: ".to_vec();
        bytes.resize(16_000, b'x');
        let mut reader = HeadReader::new();
        for end in 0..=bytes.len() {
            assert_eq!(reader.advance(&bytes[..end], &HeadLimits::default()), Ok(None));
        }
        assert_eq!(reader.looked_at, bytes.len());
    }

    #[test]
    fn a_refusal_comes_with_the_byte_that_causes_it_and_stays() {
        let table: [(&[u8], u16); 22] = [
            (b"P", 405),
            (b"GETX", 405),
            (b"GE ", 405),
            (b"g", 405),
            (b"\x16", 400),
            (b"\rx", 400),
            (b" ", 400),
            (b"GET\t", 400),
            (b"GET /\x00", 400),
            (b"GET /\xc3", 400),
            (b"GET /#", 400),
            (b"GET /\r", 400),
            (b"GET  ", 400),
            (b"GET / HTTP/1.0", 505),
            (b"GET / HTTP/2", 505),
            (b"GET / HTTQ", 400),
            (b"GET / HTTP/1.1\n", 400),
            (b"GET / HTTP/1.1\r\n\n", 400),
            (b"GET / HTTP/1.1\r\nA: b\r\n ", 400),
            (b"GET / HTTP/1.1\r\nA: b\x00", 400),
            (b"GET / HTTP/1.1\r\nA: b\rc", 400),
            (b"GET / HTTP/1.1\r\n:", 400),
        ];
        for (bytes, status) in table {
            // Eight more bytes: the refusal must not depend on later bytes.
            let longer = [bytes, b"xxxxxxxx"].concat();
            let (outcome, came) = dribble(&longer, &HeadLimits::default());
            let refusal = outcome.unwrap_err();
            assert_eq!((refusal.status(), came), (status, bytes.len()), "{}", bytes.escape_ascii());
            assert_eq!(whole(&longer, &HeadLimits::default()), Err(refusal));
        }
        let mut reader = HeadReader::new();
        let first = reader.advance(b"PUT", &HeadLimits::default());
        assert_eq!(reader.advance(b"PUT", &HeadLimits::default()), first);
    }

    #[test]
    fn plain_requests_have_one_of_seven_methods_and_any_other_is_501() {
        let limits = HeadLimits { methods: Methods::Plain, ..HeadLimits::default() };
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let head = format!("{method} /a HTTP/1.1\r\n\r\n");
            assert_eq!(dribble(head.as_bytes(), &limits), (Ok(Some(head.len())), head.len()), "{method}");
        }
        let table: [(&[u8], u16); 10] = [
            (b"\r\nPO ", 501),
            (b"POSTS", 501),
            (b"PUX", 501),
            (b"get", 501),
            (b"TRACE", 501),
            (b"CONNECT", 501),
            (b"\x16", 400),
            (b" ", 400),
            (b"GET\t", 400),
            (b"\r\n\n", 400),
        ];
        for (bytes, status) in table {
            let (outcome, came) = dribble(&[bytes, b" / HTTP/1.1"].concat(), &limits);
            assert_eq!(outcome.unwrap_err().status(), status, "{}", bytes.escape_ascii());
            assert!(came <= bytes.len(), "{}", bytes.escape_ascii());
        }
        let old = b"POST / HTTP/1.0\r\n\r\n";
        assert_eq!(dribble(old, &limits).0.unwrap_err().status(), 505);
        let limits = HeadLimits { probes: true, ..limits };
        assert_eq!(dribble(old, &limits), (Ok(Some(old.len())), old.len()));
        assert_eq!(dribble(b"POST / HTTP/1.2", &limits).0.unwrap_err().status(), 505);
    }

    #[test]
    fn a_bare_lf_is_refused_wherever_a_line_ends() {
        assert_eq!(status(b"GET / HTTP/1.1\nHost: h\n\n"), 400);
        assert_eq!(status(b"GET / HTTP/1.1\r\nHost: h\n\r\n"), 400);
        assert_eq!(status(b"GET / HTTP/1.1\r\nHost: h\r\n\n"), 400);
        assert_eq!(status(b"\nGET / HTTP/1.1\r\n\r\n"), 400);
    }

    #[test]
    fn empty_lines_before_the_request_line_are_passed_over_and_count_as_its_head() {
        for methods in [Methods::Get, Methods::Plain] {
            let limits = HeadLimits { methods, max_head: 24, ..HeadLimits::default() };
            for (bytes, length) in
                [(&b"\r\nGET / HTTP/1.1\r\n\r\n"[..], 20), (b"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\nx", 24)]
            {
                assert_eq!(dribble(bytes, &limits), (Ok(Some(length)), length));
            }
            let endless = b"\r\n".repeat(13);
            assert_eq!(dribble(&endless, &limits).0.unwrap_err().status(), 431);
            assert_eq!(dribble(b"\r\n\rG", &limits).0.unwrap_err().status(), 400);
        }
    }

    #[test]
    fn a_folded_line_and_a_space_around_a_name_are_refused() {
        assert_eq!(status(b"GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n"), 400);
        assert_eq!(status(b"GET / HTTP/1.1\r\n A: b\r\n\r\n"), 400);
        assert_eq!(status(b"GET / HTTP/1.1\r\nA : b\r\n\r\n"), 400);
        assert_eq!(status(b"GET / HTTP/1.1\r\nA\r\n\r\n"), 400);
    }

    #[test]
    fn a_target_of_the_limit_passes_and_one_byte_more_is_414() {
        let limits = HeadLimits { max_target: 5, ..HeadLimits::default() };
        assert_eq!(whole(b"GET /1234 HTTP/1.1\r\n\r\n", &limits), Ok(Some(22)));
        assert_eq!(dribble(b"GET /12345", &limits).0.unwrap_err().status(), 414);
        let long = [b"GET /".as_slice(), &[b'a'; 4096]].concat();
        assert_eq!(status(&long), 414);
        assert_eq!(whole(&long[..long.len() - 1], &HeadLimits::default()), Ok(None));
    }

    #[test]
    fn a_head_of_the_limit_passes_and_one_byte_more_is_431() {
        let limits = HeadLimits { max_head: HEAD.len(), ..HeadLimits::default() };
        assert_eq!(whole(HEAD, &limits), Ok(Some(HEAD.len())));
        let limits = HeadLimits { max_head: HEAD.len() - 1, ..limits };
        assert_eq!(whole(HEAD, &limits).unwrap_err().status(), 431);
        assert_eq!(whole(&HEAD[..HEAD.len() - 1], &limits), Ok(None));
        let endless = [b"GET / HTTP/1.1\r\nA: ".as_slice(), &[b'a'; 70_000]].concat();
        assert_eq!(status(&endless), 431);
        let unlimited = HeadLimits { max_head: usize::MAX, ..limits };
        assert_eq!(whole(&endless, &unlimited).unwrap_err().status(), 431, "an index has 16 bits");
    }

    #[test]
    fn sixty_four_header_lines_pass_and_one_more_is_431() {
        let start = [b"GET / HTTP/1.1\r\n".as_slice(), &b"A: b\r\n".repeat(64)].concat();
        let ended = [start.as_slice(), b"\r\n"].concat();
        assert_eq!(whole(&ended, &HeadLimits::default()), Ok(Some(ended.len())));
        assert_eq!(status(&[start.as_slice(), b"A"].concat()), 431);
    }

    /// Heads that are nearly right reach far deeper than arbitrary bytes do.
    fn nearly_a_head() -> impl Strategy<Value = Vec<u8>> {
        let hit = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n\t :?#/\0".to_vec())];
        (0..3_usize, prop::collection::vec((0..HEAD.len(), hit), 0..3)).prop_map(|(empty, hits)| {
            let mut head = [b"\r\n".repeat(empty), HEAD.to_vec()].concat();
            for (at, byte) in hits {
                head[at] = byte;
            }
            head
        })
    }

    proptest! {
        #[test]
        fn dribbling_any_bytes_is_the_same_as_sending_them_whole(
            bytes in prop_oneof![nearly_a_head(), prop::collection::vec(any::<u8>(), 0..200)],
            max_head in 0..100usize, max_headers in 0..4usize, max_target in 0..20usize, plain in any::<bool>(),
        ) {
            let methods = if plain { Methods::Plain } else { Methods::Get };
            let limits = HeadLimits { methods, probes: plain, max_head, max_headers, max_target };
            prop_assert_eq!(dribble(&bytes, &limits).0, whole(&bytes, &limits));
        }

        #[test]
        fn httparse_reads_every_head_that_passes_and_finds_the_same_end(bytes in nearly_a_head()) {
            if let Ok(Some(length)) = whole(&bytes, &HeadLimits::default()) {
                let mut lines = [httparse::EMPTY_HEADER; 64];
                let parsed = httparse::Request::new(&mut lines).parse(&bytes);
                prop_assert_eq!(parsed, Ok(httparse::Status::Complete(length)));
            }
        }
    }
}
