//! A client's request, kept for as long as its connection lives.

use super::{is_token, list};

/// A request (RFC 9112 §3; to become a WebSocket, RFC 6455 §4.1), owned, without its body.
///
/// One copy of the head and an index of eight bytes a header line: thousands of idle connections
/// each keep one. An index that points outside the head yields empty strings, never a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    head: Box<[u8]>,
    path: Span,
    query: Span,
    fields: Box<[Field]>,
    remote_address: Box<str>,
    client_certificate: Option<Box<Certificate>>,
    secure: bool,
}

/// Behind one more pointer: most clients have none.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Certificate(Box<[u8]>);

impl Request {
    /// The method, as sent.
    pub fn method(&self) -> &str {
        let method = self.head.split(|&byte| byte == b' ').next().unwrap_or_default();
        std::str::from_utf8(method).unwrap_or_default()
    }

    /// The target up to the `?`, as sent: ASCII, percent-encoding untouched. `/` if an
    /// absolute-form target has none (RFC 9112 §3.2.2).
    pub fn path(&self) -> &str {
        match self.text(self.path) {
            "" => "/",
            path => path,
        }
    }

    /// The target after the `?`, as sent; empty if there is none.
    pub fn query_string(&self) -> &str {
        self.text(self.query)
    }

    /// The client's address as text, without a port: the one that trusted proxies vouch for, or the
    /// socket's. `unix:` for a client on a Unix socket.
    pub fn remote_address(&self) -> &str {
        &self.remote_address
    }

    /// True if the client came over TLS, to us or to a trusted proxy that says so.
    pub fn secure(&self) -> bool {
        self.secure
    }

    /// The certificate that the client has proved to own, in DER form, where the server demands one.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.client_certificate.as_deref().map(|certificate| &*certificate.0)
    }

    /// Sets [`client_certificate`](Self::client_certificate), in DER form.
    pub fn set_client_certificate(&mut self, der: Option<&[u8]>) {
        self.client_certificate = der.map(|der| Box::new(Certificate(der.into())));
    }

    /// Every header line in order: the name as sent, which is ASCII, and the value without the
    /// white space around it, which may be any bytes but control characters (RFC 9110 §5.5).
    pub fn headers(&self) -> impl DoubleEndedIterator<Item = (&str, &[u8])> + Clone {
        self.fields.iter().map(|field| (self.text(field.name), self.bytes(field.value)))
    }

    /// The value of the first header line with this name, compared without case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers().find_map(|(found, value)| found.eq_ignore_ascii_case(name).then_some(value))
    }

    /// The subprotocols the client offers, in its order of preference, over all
    /// `Sec-WebSocket-Protocol` lines (RFC 6455 §11.3.4).
    pub fn protocols(&self) -> impl Iterator<Item = &str> {
        self.headers()
            .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"))
            .flat_map(|(_, value)| list(value))
            .filter(|offer| is_token(offer))
            .filter_map(|offer| std::str::from_utf8(offer).ok())
    }

    /// Bytes this request occupies, its memory on the heap included.
    pub fn memory(&self) -> usize {
        let certificate = self.client_certificate().map_or(0, |der| size_of::<Certificate>() + der.len());
        size_of::<Self>()
            + self.head.len()
            + size_of_val(&*self.fields)
            + self.remote_address.len()
            + certificate
    }

    /// Copies `head`; `fields` and the other slices have to be parts of it, and it may not be longer
    /// than 65 535 bytes. Parts that are not come out empty.
    pub(super) fn new(
        head: &[u8],
        path: &[u8],
        query: &[u8],
        fields: &[httparse::Header<'_>],
        remote_address: &str,
        secure: bool,
    ) -> Self {
        let field = |field: &httparse::Header<'_>| Field {
            name: Span::of(field.name.as_bytes(), head),
            value: Span::of(field.value, head),
        };
        Self {
            head: head.into(),
            path: Span::of(path, head),
            query: Span::of(query, head),
            fields: fields.iter().map(field).collect(),
            remote_address: remote_address.into(),
            client_certificate: None,
            secure,
        }
    }

    /// The whole head, as sent.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The query as it lies in the head. It must stay ASCII.
    pub(super) fn query_mut(&mut self) -> &mut [u8] {
        let Span { start, end } = self.query;
        self.head.get_mut(usize::from(start)..usize::from(end)).unwrap_or_default()
    }

    fn bytes(&self, span: Span) -> &[u8] {
        self.head.get(usize::from(span.start)..usize::from(span.end)).unwrap_or_default()
    }

    fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.bytes(span)).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    name: Span,
    value: Span,
}

/// A part of the head. 16 bits are enough: `HeadReader` takes no longer head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: u16,
    end: u16,
}

impl Span {
    fn of(part: &[u8], head: &[u8]) -> Self {
        // httparse hands out slices of the head, not offsets; addresses give them back.
        let start = part.as_ptr().addr().wrapping_sub(head.as_ptr().addr());
        match (u16::try_from(start), u16::try_from(start.wrapping_add(part.len()))) {
            (Ok(start), Ok(end)) if usize::from(end) <= head.len() => Self { start, end },
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"GET /chat%20room?a=1?b HTTP/1.1\r\nHost: h.example\r\nX-Twice: one\r\n\
        x-TWICE: t\xffo\r\nSec-WebSocket-Protocol: chat, ,v2\r\nsec-websocket-protocol: v1\r\n\r\n";

    fn request() -> Request {
        let mut lines = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Request::new(&mut lines);
        assert!(parsed.parse(HEAD).unwrap().is_complete());
        let (path, query) = parsed.path.unwrap().split_once('?').unwrap();
        Request::new(HEAD, path.as_bytes(), query.as_bytes(), parsed.headers, "203.0.113.9", true)
    }

    #[test]
    fn a_request_answers_with_what_was_sent() {
        let request = request();
        assert_eq!(request.method(), "GET");
        assert_eq!((request.path(), request.query_string()), ("/chat%20room", "a=1?b"));
        assert_eq!((request.remote_address(), request.secure()), ("203.0.113.9", true));
        assert_eq!(request.headers().next(), Some(("Host", b"h.example".as_slice())));
        assert_eq!(request.headers().nth(2), Some(("x-TWICE", b"t\xffo".as_slice())));
        assert_eq!(request.header("X-TWICE"), Some(b"one".as_slice()));
        assert_eq!(request.header("Origin"), None);
        assert_eq!(request.protocols().collect::<Vec<_>>(), ["chat", "v2", "v1"]);
    }

    #[test]
    fn a_request_owns_little_more_than_its_head() {
        let request = request();
        assert_eq!(request.memory(), size_of::<Request>() + HEAD.len() + 5 * 8 + 11);
        assert!(size_of::<Request>() <= 72);
    }

    #[test]
    fn an_index_that_points_outside_the_head_reads_as_empty() {
        let mut request = request();
        request.path = Span { start: 9, end: 3 };
        request.query = Span { start: 0, end: u16::MAX };
        request.fields[0].value = Span { start: u16::MAX, end: u16::MAX };
        assert_eq!(
            (request.path(), request.query_string(), request.header("host")),
            ("/", "", Some(b"".as_slice()))
        );
    }
}
