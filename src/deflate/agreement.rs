//! What both sides agreed on in the handshake.

use std::fmt;

/// The parameters of one connection (RFC 7692 section 7.1). Its `Display` is the value of the
/// `Sec-WebSocket-Extensions` header that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// Whether each message of the server may refer back to its earlier ones.
    pub server_takeover: bool,
    /// The same for the client's.
    pub client_takeover: bool,
    /// The base-2 logarithm of the server's window, 9 to 15.
    pub server_window_bits: u8,
    /// Whether the client demanded that limit, and so has to be told that it is kept (section 7.1.2.1).
    /// Others are not told of a smaller window, although they might be: any stream with one is a stream
    /// without, and there are clients that refuse a parameter which they did not offer.
    pub server_window_demanded: bool,
    /// The same of the client's, 8 to 15, if the client can be told; otherwise it may use 15.
    pub client_window_bits: Option<u8>,
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("permessage-deflate")?;
        if !self.server_takeover {
            f.write_str("; server_no_context_takeover")?;
        }
        if !self.client_takeover {
            f.write_str("; client_no_context_takeover")?;
        }
        if self.server_window_demanded {
            write!(f, "; server_max_window_bits={}", self.server_window_bits)?;
        }
        match self.client_window_bits {
            Some(bits @ ..15) => write!(f, "; client_max_window_bits={bits}"),
            _ => Ok(()),
        }
    }
}
