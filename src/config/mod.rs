//! The operator's options: parsed once, checked at construction, immutable afterwards.
//!
//! Every field has its meaning, its default and its cost. A wrong value is a [`ConfigError`] that names the option as
//! PHP spells it. Knows no other folder.

mod auth;
mod compression;
mod control;
mod heartbeat;
mod limits;
mod listen;
mod monitoring;
mod origins;
mod paths;
mod protocol;
mod protocols;
mod proxies;
#[cfg(test)]
mod tests;
mod tls;

use serde::{Deserialize, Serialize};

pub use auth::{AppKeys, Application, Auth, Jwt, JwtKey, Pem, Secret};
pub use compression::Compression;
pub use control::{Control, ControlKey};
pub use heartbeat::Heartbeat;
pub use limits::{Limits, PerAddress, SlowConsumer, USUAL_CONNECT_RATE, USUAL_PER_ADDRESS};
pub use listen::{Address, Listen, Scheme};
pub use monitoring::{Metrics, health};
pub(crate) use origins::host_and_port;
pub use origins::{Listed, Origin, Origins};
#[cfg(feature = "gomoob")]
pub use protocol::Gomoob;
pub use protocol::Protocol;
pub use protocols::protocols;
pub use proxies::TrustedProxies;
pub use tls::Tls;

/// Everything a server needs to know before it binds.
///
/// It crosses to another process whole, secrets included. A reader of its bytes trusts the writer: they are not checked
/// again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Config {
    /// Where to listen; all of them serve the same connections. Default: `127.0.0.1:8080`.
    pub listen: Vec<Listen>,
    /// Certificates for TLS; a client gets the first of those that bear the name it asks for, or else the
    /// first of all. Default: none, no TLS.
    pub tls: Vec<Tls>,
    /// The limits of clients.
    pub limits: Limits,
    /// Detection of clients that are gone.
    pub heartbeat: Heartbeat,
    /// Compression of messages for clients that support it. Default: none.
    pub compression: Option<Compression>,
    /// Which pages may connect. Default: those of the same host.
    pub origins: Origins,
    /// The subprotocols that the server speaks, in no particular order: the client's order decides
    /// (RFC 6455 section 1.9). Default: none.
    pub protocols: Vec<String>,
    /// Proxies whose forwarding headers are believed. Default: none.
    pub trusted_proxies: TrustedProxies,
    /// The path under which the server's health is told: `{health}/live`, `{health}/ready`, and
    /// `{health}`, which is the same as the latter. Default: none.
    pub health: Option<String>,
    /// Where the figures of the server are told. Default: nowhere.
    pub metrics: Option<Metrics>,
    /// Where other programs may speak to the clients. Default: nowhere.
    pub control: Vec<Control>,
    /// Accepted credentials; any one of them lets a client in. Default: none are needed.
    pub auth: Vec<Auth>,
    /// The protocol that the server speaks on top of WebSockets. Default: none.
    pub protocol: Option<Protocol>,
    /// Shards, each a thread with its own connections; 0 chooses by the number of processors.
    pub io_threads: usize,
}

impl Config {
    /// The most shards that can be asked for: an id has room for no more.
    pub const MAX_IO_THREADS: usize = 64;

    /// Checks rules that concern several options.
    pub fn check(&self) -> Result<(), ConfigError> {
        listen::check(&self.listen)?;
        tls::check(&self.tls, &self.listen, self.control.iter().any(|control| control.tls))?;
        if self.io_threads > Self::MAX_IO_THREADS {
            return Err(ConfigError::new(
                "ioThreads",
                format!("{} is more than {}", self.io_threads, Self::MAX_IO_THREADS),
            ));
        }
        self.limits.check()?;
        control::check(&self.control, !self.tls.is_empty())?;
        monitoring::check(self.health.as_deref(), self.metrics.as_ref())?;
        if let Some(compression) = &self.compression {
            compression.check()?;
            // Each message would refer back to ones that were dropped.
            if compression.context_takeover && self.limits.slow_consumer == SlowConsumer::DropOldest {
                return Err(ConfigError::new(
                    "compression.contextTakeover",
                    "cannot be combined with SlowConsumer::DropOldest: what was dropped would be missed",
                ));
            }
        }
        self.heartbeat.check()
    }

    /// Number of shards to start. One PHP thread feeds them all, so few are enough: all processors but the one that
    /// PHP keeps busy, and never more than four unless asked.
    pub fn shards(&self) -> usize {
        if self.io_threads > 0 {
            return self.io_threads.min(Self::MAX_IO_THREADS);
        }
        let processors = std::thread::available_parallelism().map_or(1, |n| n.get());
        processors.saturating_sub(1).clamp(1, 4)
    }
}

/// A value that cannot be used, and the option it was given for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{option}: {reason}")]
pub struct ConfigError {
    option: &'static str,
    reason: String,
}

impl ConfigError {
    /// `option` as PHP spells it, `reason` as the rest of a sentence.
    pub fn new(option: &'static str, reason: impl Into<String>) -> Self {
        Self { option, reason: reason.into() }
    }

    /// The option's name in PHP.
    pub fn option(&self) -> &str {
        self.option
    }

    /// The reason, without the option's name.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}
