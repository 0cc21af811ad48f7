//! Sockets: what is listened on, what is accepted, and reading and writing either kind.
//!
//! Knows neither frames nor the hub nor PHP.

mod accept;
mod listen;
mod stream;

pub use accept::{Acceptor, Arrival, Refusal, turn_away};
pub use listen::{BindError, Bound, bind};
pub use stream::{PeerAddress, Stream};
