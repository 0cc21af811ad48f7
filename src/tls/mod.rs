//! TLS without I/O: certificates out of files, which of them a client is shown, and one client's session.
//!
//! The protocol is rustls's, versions 1.2 (RFC 5246) and 1.3 (RFC 8446). Knows no socket and no other
//! folder but `config`.

mod certificates;
mod identity;
mod resolver;
mod session;
mod stamp;
mod watch;

pub use certificates::Certificates;
pub use session::{SessionError, TlsSession};
pub use watch::Watch;
