//! One shard: the connections that live and die on it, and one tick of work for them.
//!
//! The path of a message in: [`ready`] → [`read`] → [`frames`] → the queue. The path out: [`commands`] → [`mod@write`].
//! A client comes by [`accept`], [`request_head`] and [`handshake`] or [`requests`], and goes by [`close`]; [`sweep`]
//! keeps the deadlines. Knows nothing of threads: `runtime` decides which thread runs a tick.

mod accept;
mod allocator;
mod bodies;
mod clock;
mod close;
mod commands;
mod common;
mod credentials;
mod credit;
mod date;
mod fanned;
mod frames;
mod handshake;
mod ids;
mod proxied;
mod read;
mod ready;
mod relief;
mod request_head;
mod requests;
mod schedule;
mod shed;
mod sweep;
mod tick;
mod timing;
mod tls;
mod work;
mod write;

pub(crate) use allocator::keep_large_blocks;
pub(crate) use common::Common;
pub use credentials::{check_auth, read_app_keys};
pub(crate) use tick::{Shard, Ticked, panic_message};
