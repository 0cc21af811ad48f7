//! Compression of messages (permessage-deflate, RFC 7692).

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Compression of messages for clients that support it (RFC 7692). A server without it ignores the offers of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compression {
    /// From 1, fastest, to 9, smallest. Default 1.
    pub level: u8,
    /// Texts of fewer bytes leave as they are. Default 1024.
    pub threshold: usize,
    /// The base-2 logarithm of the window, 9 to 15, for both directions where the client allows it.
    /// Default 15, 32 KiB.
    pub window_bits: u8,
    /// True if each message may refer back to earlier ones. Smaller messages; but each connection then keeps two
    /// windows, 360 KiB at 15 bits, and a fan-out is compressed for each recipient. Default: no, and a connection
    /// keeps nothing.
    pub context_takeover: bool,
}

impl Default for Compression {
    fn default() -> Self {
        Self { level: 1, threshold: 1024, window_bits: 15, context_takeover: false }
    }
}

impl Compression {
    /// Refuses values that cannot work. Names are those of PHP's `Compression`.
    pub fn check(&self) -> Result<(), ConfigError> {
        if !(1..=9).contains(&self.level) {
            return Err(ConfigError::new("compression.level", format!("{} is not 1 to 9", self.level)));
        }
        if !(9..=15).contains(&self.window_bits) {
            let reason = format!("{} is not 9 to 15", self.window_bits);
            return Err(ConfigError::new("compression.windowBits", reason));
        }
        Ok(())
    }
}
