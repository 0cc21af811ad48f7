//! A handshake as a client writes it (RFC 6455 §4.1): for tests, fuzz targets and benchmarks. The server sends none.

/// Writes a whole handshake for `target`; `more` is header lines that follow [`HEADERS`], each with its CR LF.
pub fn handshake(target: &str, more: &str) -> String {
    format!("GET {target} HTTP/1.1\r\n{HEADERS}{more}\r\n")
}

macro_rules! headers {
    () => {
        "Host: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    };
}

/// Header lines of the shortest valid handshake, with the key of RFC 6455 §1.3.
pub const HEADERS: &str = headers!();

/// A whole handshake for a path with a query.
pub const HANDSHAKE: &[u8] = concat!("GET /chat?x=1 HTTP/1.1\r\n", headers!(), "\r\n").as_bytes();
