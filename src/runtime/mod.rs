//! Threads, assembly, shutdown: everything else is wired together here, and nothing is decided.

mod commands;
mod entrance;
mod farewell;
mod inflow;
mod outflow;
mod ready;
mod server;
mod shard;
mod sweep;
mod threads;

#[cfg(test)]
mod tests;

pub use server::{Server, StartError};
