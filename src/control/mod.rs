//! The control API: other programs send to the clients of a running server.
//!
//! HTTP/1.1 and JSON, as docs/control-api.md says. A thread of its own serves it with a [`Publisher`] of its own, so
//! it never waits for PHP, nor PHP for it; each request is carried out in one go, in the order in which they came.
//! Requests over TCP are signed. Bounded are: connections, those of strangers beside those of publishers
//! (`places.rs`), bodies being read, answers remembered for repeated requests. Knows neither sockets' options nor
//! Zend; the assembly gives it listening sockets.
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
