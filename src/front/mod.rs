//! The front of several PHP workers: it owns the sockets, and the workers get the events.
//!
//! The front is a consumer of the server's events like any other ([`port`](crate::port)), on one thread. It gives each
//! connection to a worker and keeps every event until the worker has finished it, so the events of a worker that dies
//! go to another one. It starts the workers, watches them, replaces those that die, and starts a whole new generation
//! for a reload before the old one goes. It runs no PHP, and never waits for a worker.
//!
//! The path of an event: `route` chooses the worker and keeps the order of a connection that moves, `worker` writes the
//! record into the worker's lane. The path back: `commands` reads the worker's records and calls the publisher.
//! `generations` decides which workers there are, `deaths` what becomes of the events of one that died.

mod commands;
mod deaths;
mod generations;
mod greeting;
mod holds;
mod item;
mod manage;
pub mod management;
mod recycling;
mod reload;
mod route;
mod run;
mod spawn;
mod watch;
mod worker;

pub use crate::wire::{Door, Hello, Recycling};
pub use run::{Ended, FrontError, serve};
pub use spawn::WORKER_VARIABLE;
