//! The control API: how other programs speak to the clients of a running server.
//!
//! HTTP/1.1 and JSON, as docs/control-api.md says. A thread of its own serves it with a [`Publisher`] of its own, so it never
//! waits for PHP, nor PHP for it; each request is carried out in one go, in the order in which they came.
//! Requests over TCP are signed. What is bounded: connections, those of strangers beside those of publishers (`places.rs`),
//! bodies being read, answers remembered for those who ask twice. Knows neither sockets' options nor Zend; who runs it gives it listening sockets.
//!
//! [`Publisher`]: crate::port::Publisher

mod answer;
mod api;
mod body;
mod head;
mod places;
mod query;
mod remembered;
mod serve;
mod signature;
mod watch;
mod wire;

pub use api::Api;
pub use places::MOST_CONNECTIONS;
pub use serve::{Listener, serve};
