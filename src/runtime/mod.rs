//! Threads, assembly, shutdown: everything else is wired together here, and nothing is decided.

mod allocator;
mod bodies;
mod clock;
mod commands;
mod control;
mod credentials;
mod date;
#[cfg(any(test, feature = "fuzzing"))]
mod driver;
mod duty;
mod entrance;
mod fanned;
mod farewell;
mod helm;
mod ids;
mod inflow;
mod notifier;
mod outflow;
mod pending_signals;
mod proxied;
mod ready;
mod relief;
mod requests;
mod secured;
mod server;
mod shard;
mod shed;
#[cfg_attr(not(target_os = "linux"), allow(dead_code))] // Nobody can make one there.
mod steering;
mod sweep;
mod threads;
mod work;

#[cfg(test)]
mod tests;

pub use credentials::{check_auth, read_app_keys};
#[cfg(any(test, feature = "fuzzing"))]
pub use driver::Driver;
pub use notifier::Notifier;
pub use server::{Server, StartError, check_certificate};
