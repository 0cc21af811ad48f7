//! Ferrite: a WebSocket server for PHP.
//!
//! The core (every module but `php`) knows nothing of Zend and is tested without it; the `php`
//! feature adds the bridge. ARCHITECTURE.md is the map.

pub mod frame;
pub mod http;
