//! The protocol on top of WebSockets that the server speaks.

use serde::{Deserialize, Serialize};

/// A protocol. Each is a cargo feature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// The protocol of gomoob/php-websocket-server (docs/from-gomoob.md).
    #[cfg(feature = "gomoob")]
    Gomoob(Gomoob),
}

/// Options of Gomoob's protocol.
#[cfg(feature = "gomoob")]
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gomoob {
    /// True if tags select connections exactly as in the original server.
    pub legacy: bool,
    /// True if the application parses messages that are no text.
    pub parses: bool,
    /// True if the application authorises each message.
    pub authorizes: bool,
}
