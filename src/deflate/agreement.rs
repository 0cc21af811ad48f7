//! The agreement on compression that a handshake reached.

use std::fmt;

/// The parameters of one connection (RFC 7692 section 7.1). Its `Display` is the value of the
/// `Sec-WebSocket-Extensions` header that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    /// Lets messages of the server refer back to its earlier ones.
    pub server_takeover: bool,
    /// Lets messages of the client refer back to its earlier ones.
    pub client_takeover: bool,
    /// The base-2 logarithm of the server's window, 9 to 15.
    pub server_window_bits: u8,
    /// True if the client demanded that limit; the answer then has to confirm it (section 7.1.2.1).
    /// Other clients are not told of a smaller window, although the RFC allows it: every stream with a smaller window
    /// is also one with 15 bits, and some clients refuse a parameter that they did not offer.
    pub server_window_demanded: bool,
    /// The base-2 logarithm of the client's window, 8 to 15, if its offer lets us limit it; otherwise it may use 15.
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
