//! The refusal of a request: status and sentence for the client, detail for the log.

use std::fmt;

use super::response;

/// Refusal of a request that never reaches PHP.
///
/// The status follows RFC 6455 §4.2.2 and RFC 9110 §15.5. The text never repeats the peer's bytes,
/// so it can go to the peer and to a log as it is; only [`HttpRefusal::origin_mismatch`] quotes
/// the peer, escaped and shortened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRefusal {
    kind: RefusalKind,
    mismatch: Option<Box<(String, String)>>,
}

impl HttpRefusal {
    /// The status of the answer, always 4xx or 5xx.
    pub fn status(&self) -> u16 {
        self.kind.explain().0
    }

    /// One sentence that names the mistake and, where there is a usual cause, its remedy.
    pub fn reason(&self) -> &str {
        self.kind.explain().1
    }

    /// The whole answer. The connection is closed after it (RFC 9112 §9.6): bytes behind a
    /// refused head cannot be trusted to be a request. `to_head`: without the body (RFC 9110 §9.3.2).
    pub fn to_response(&self, to_head: bool) -> Vec<u8> {
        let body = format!("{}\n", self.reason());
        let response = response::refusal(self.status(), body.as_bytes(), self.kind.headers());
        if to_head { response::without_body(response) } else { response }
    }

    /// For a 403: the Origin the client sent and the Host it was compared with, fit for a log
    /// (escaped to ASCII, at most 128 bytes of each).
    pub fn origin_mismatch(&self) -> Option<(&str, &str)> {
        self.mismatch.as_deref().map(|(origin, host)| (origin.as_str(), host.as_str()))
    }

    /// For a head that is too large: the option that may be raised.
    pub fn limit(&self) -> Option<&'static str> {
        match self.kind {
            RefusalKind::HeadTooLong => Some("limits.maxHeadSize"),
            RefusalKind::TargetTooLong => Some("limits.maxHeadSize, a quarter of which the target may have"),
            RefusalKind::TooManyHeaders => Some("limits.maxHeaders"),
            _ => None,
        }
    }

    /// Refuses a request with a body (503) while the application has too many waiting.
    pub fn too_busy() -> Self {
        RefusalKind::TooBusy.into()
    }

    pub(super) fn origin(origin: &[u8], host: &[u8]) -> Self {
        Self { kind: RefusalKind::OriginRefused, mismatch: Some(Box::new((quote(origin), quote(host)))) }
    }
}

impl From<RefusalKind> for HttpRefusal {
    fn from(kind: RefusalKind) -> Self {
        Self { kind, mismatch: None }
    }
}

impl fmt::Display for HttpRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status(), self.reason())
    }
}

impl std::error::Error for HttpRefusal {}

/// The rule that a request broke. Private, so that a reason can be split or reworded freely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RefusalKind {
    NotHttp,
    Method,
    TargetByte,
    TargetForm,
    TargetTooLong,
    Version,
    BareLf,
    BareCr,
    ControlByte,
    Folding,
    FieldName,
    HeadTooLong,
    TooManyHeaders,
    Malformed,
    HostCount,
    HostForm,
    HostDiffers,
    Framing,
    NoUpgrade,
    NoConnectionUpgrade,
    WebSocketVersion,
    KeyCount,
    KeyForm,
    ProtocolForm,
    ExtensionForm,
    OriginCount,
    OriginRefused,
    UnknownMethod,
    LengthForm,
    LengthAndCoding,
    Coding,
    CodingCount,
    CodingIn10,
    Chunk,
    ChunkExtra,
    BodyTooLong,
    Expectation,
    TooBusy,
}

impl RefusalKind {
    /// Status and sentence side by side, so that the table can be read as one.
    const fn explain(self) -> (u16, &'static str) {
        match self {
            Self::NotHttp => {
                (400, "this is not an HTTP/1.1 request; if it was TLS, this port speaks plain HTTP")
            }
            Self::Method => (405, "a WebSocket handshake uses the method GET"),
            Self::TargetByte => (400, "the request target may hold printable ASCII only, and no fragment"),
            Self::TargetForm => {
                (400, "the request target is neither a path nor an http, https, ws or wss URL")
            }
            Self::TargetTooLong => (414, "the request target is too long"),
            Self::Version => {
                (505, "a WebSocket handshake uses HTTP/1.1; nginx speaks it with: proxy_http_version 1.1")
            }
            Self::BareLf => (400, "a line ends with LF alone; lines end with CR LF"),
            Self::BareCr => (400, "a CR is not followed by LF"),
            Self::ControlByte => (400, "a header value holds a control byte"),
            Self::Folding => (400, "a header line begins with white space; folded lines are not accepted"),
            Self::FieldName => (400, "a header line has no valid name before its colon"),
            Self::HeadTooLong => (431, "the request head is too long"),
            Self::TooManyHeaders => (431, "the request has too many header lines"),
            Self::Malformed => (400, "the request head is malformed"),
            Self::HostCount => (400, "the request needs exactly one Host header"),
            Self::HostForm => (400, "the Host header is not a host with an optional port"),
            Self::HostDiffers => (400, "the Host header and the host of the request target differ"),
            Self::Framing => (400, "a WebSocket handshake has no body"),
            Self::NoUpgrade => (
                426,
                "this is a WebSocket endpoint; a proxy in between has to pass Upgrade and Connection on",
            ),
            Self::NoConnectionUpgrade => {
                (400, "the Connection header does not name upgrade; a proxy may have replaced it")
            }
            Self::WebSocketVersion => (426, "the WebSocket version has to be 13"),
            Self::KeyCount => (400, "the request needs exactly one Sec-WebSocket-Key header"),
            Self::KeyForm => (400, "the Sec-WebSocket-Key is not the base64 of 16 bytes"),
            Self::ProtocolForm => (400, "a subprotocol offered in Sec-WebSocket-Protocol is not a token"),
            Self::ExtensionForm => (400, "the Sec-WebSocket-Extensions header is malformed"),
            Self::OriginCount => (400, "the request has more than one Origin header"),
            Self::OriginRefused => (403, "this origin may not connect here"),
            Self::UnknownMethod => {
                (501, "the method is none of GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS")
            }
            Self::LengthForm => {
                (400, "the request has several Content-Length headers, or one that is no number")
            }
            Self::LengthAndCoding => (400, "the request has both Content-Length and Transfer-Encoding"),
            Self::Coding => (501, "the only transfer coding that is understood is chunked"),
            Self::CodingCount => (400, "the request has several Transfer-Encoding headers"),
            Self::CodingIn10 => (400, "a request of HTTP/1.0 has no Transfer-Encoding"),
            Self::Chunk => (400, "the chunked body is malformed"),
            Self::ChunkExtra => (400, "the chunked body has too many bytes in extensions and trailers"),
            Self::BodyTooLong => (413, "the body is longer than limits.maxRequestBody"),
            Self::Expectation => (417, "the only expectation that can be met is 100-continue"),
            Self::TooBusy => (503, "too much waits for the application already"),
        }
    }

    const fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Method => &[("Allow", "GET"), CLOSE],
            // RFC 9110 §15.5.22 wants Upgrade in every 426, §7.8 wants it named in Connection, and
            // RFC 6455 §4.4 wants the version we speak.
            Self::NoUpgrade | Self::WebSocketVersion => {
                &[("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Connection", "close, upgrade")]
            }
            Self::TooBusy => &[("Retry-After", "5"), CLOSE],
            _ => &[CLOSE],
        }
    }
}

fn quote(bytes: &[u8]) -> String {
    match bytes.get(..LONGEST_QUOTE) {
        Some(start) if bytes.len() > LONGEST_QUOTE => format!("{}...", start.escape_ascii()),
        _ => bytes.escape_ascii().to_string(),
    }
}

const LONGEST_QUOTE: usize = 128;
const CLOSE: (&str, &str) = ("Connection", "close");
