//! Sockets: listening, accepting, and reading and writing either kind, with TLS or without.
//!
//! A proxy may first name the client that it forwards (`proxy_header`). Knows neither frames nor the hub nor PHP.

mod accept;
mod bound;
mod gate;
mod listen;
mod peer_address;
mod plain;
mod progress;
mod proxy_header;
mod secured;
mod stream;
mod systemd;
mod unix;

pub use accept::{Acceptor, Arrival, Refusal, turn_away};
pub use bound::{Bound, ListenerOptions, Listening, SocketFile};
pub use gate::Gate;
pub use listen::{BindError, bind, bind_private};
pub use peer_address::PeerAddress;
pub use plain::{NO_SIGNAL, Transport};
pub use proxy_header::{ProxyHeader, ProxyViolation};
pub use stream::Stream;
pub use systemd::keep_passed;
