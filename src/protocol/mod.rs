//! Protocols on top of WebSockets. The shards speak them, so their messages need not pass through PHP.
//!
//! A server speaks at most one ([`config::Protocol`]). Each protocol is a cargo feature and a
//! folder; only this file and the protocol's PHP class name that folder. A protocol sends by a publisher of the port.
//! It keeps no queue and no connection of its own, so it has nothing to bound and nothing to shut down.

#[cfg(feature = "gomoob")]
pub mod gomoob;

mod handler;

use std::sync::Arc;

use crate::config;
pub use handler::{Handled, Message, Protocol};

/// Makes the protocol that a server speaks.
pub fn protocol(chosen: &config::Protocol) -> Arc<dyn Protocol> {
    match *chosen {
        #[cfg(feature = "gomoob")]
        config::Protocol::Gomoob(ref options) => Arc::new(gomoob::Gomoob::new(options)),
    }
}
