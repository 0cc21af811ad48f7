//! The loop on PHP's thread: a run of a server from its start to its end, and the callbacks in it.

pub(in crate::php) mod clients;
pub(in crate::php) mod dispatch;
pub(in crate::php) mod ending;
pub(in crate::php) mod gomoob;
pub(in crate::php) mod invoke;
pub(in crate::php) mod link;
pub(in crate::php) mod log;
pub(in crate::php) mod lost_output;
mod message;
mod retire;
pub(in crate::php) mod rules;
pub(in crate::php) mod run;
pub(in crate::php) mod server;
pub(in crate::php) mod session;
pub(in crate::php) mod timers;
pub(in crate::php) mod upcall;
pub(in crate::php) mod workers;
