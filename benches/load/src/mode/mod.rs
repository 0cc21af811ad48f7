//! The kinds of load; one file each.

pub mod echo;
pub mod fan_out;
pub mod flat;
pub mod handshakes;
pub mod idle;
pub mod slow;
