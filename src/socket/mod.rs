//! Sockets: what is listened on, what is accepted, and reading and writing either kind.
//!
//! A proxy may say first whom it passes on (`proxy_header`). Knows neither frames nor the hub nor PHP.

mod accept;
mod listen;
mod proxy_header;
mod stream;
mod systemd;

pub use accept::{Acceptor, Arrival, Refusal, turn_away};
pub use listen::{BindError, Bound, Listening, bind};
pub use proxy_header::{ProxyHeader, ProxyViolation};
pub use stream::{NO_SIGNAL, PeerAddress, Stream};
