//! What to do to a server; one file each.

pub mod echo;
pub mod fan_out;
pub mod idle;
