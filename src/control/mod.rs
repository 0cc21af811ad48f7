//! The control API: how other programs speak to the clients of a running server.
//!
//! HTTP/1.1 and JSON, as docs/control-api.md says. A thread of its own serves it with a [`Handle`] of its own, so it never
//! waits for PHP, nor PHP for it; each request is carried out in one go, in the order in which they came.
//! Requests over TCP are signed. What is bounded: connections, bodies being read, answers remembered for those who ask
//! twice. Knows neither sockets' options nor Zend; who runs it gives it listening sockets.
//!
//! [`Handle`]: crate::hub::Handle

mod answer;
mod api;
mod body;
mod idle;
mod query;
mod remembered;
mod serve;
mod signature;

pub use api::Api;
pub use serve::{CONNECTIONS, Listener, Socket, serve};
