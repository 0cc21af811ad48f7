//! Ferrite: a WebSocket server for PHP.
//!
//! The core (every module but `php`) knows nothing of Zend and is tested without it; the `php`
//! feature adds the bridge. ARCHITECTURE.md is the map.

pub mod auth;
pub mod config;
pub mod connection;
pub mod control;
pub mod deflate;
pub mod descriptors;
pub mod frame;
pub mod front;
pub mod http;
pub mod hub;
pub mod limits;
pub mod log;
pub mod metrics;
#[cfg(feature = "php")]
mod php;
pub mod port;
pub mod protocol;
pub mod queue;
pub mod ring;
pub mod runtime;
#[cfg(test)]
mod serde_tests;
mod shard;
pub mod socket;
pub mod tls;
pub mod wire;
