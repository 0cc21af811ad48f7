//! The assembly: threads, start, stop, systemd. Everything is wired together here, and no message passes here.
//!
//! A shard is driven by its own thread or, if it is the only one, by the consumer while it waits: `drive_lock` has
//! the lock and the loop of both, `driver` decides which of them drives, `inline_driver` is the consumer's part.

mod control;
mod drive_lock;
mod driver;
#[cfg_attr(not(target_os = "linux"), allow(dead_code))] // Only Linux makes one.
mod inline_driver;
#[cfg(any(test, feature = "fuzzing"))]
mod manual_shard;
mod notifier;
mod pending_signals;
mod server;
mod threads;

#[cfg(test)]
mod tests;

pub use crate::shard::{check_auth, read_app_keys};
#[cfg(any(test, feature = "fuzzing"))]
pub use manual_shard::ManualShard;
pub use notifier::Notifier;
pub use server::{Server, StartError, check_certificate};
