//! The core without PHP: real sockets, clients that nobody here wrote, and a consumer in the place
//! of PHP. The names of the tests are the contract.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // a test fails by panicking

mod auth;
mod budgets;
mod certificates;
mod circles;
mod closing;
mod compression;
mod control;
mod flow;
#[cfg(feature = "gomoob")]
mod gomoob;
mod harness;
mod heads;
mod hostile;
mod imports;
mod limits_page;
mod messages;
mod php;
mod presence;
mod proxies;
mod requests;
mod sizes;
mod steering;
mod stopping;
mod tls;
