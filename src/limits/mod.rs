//! What is counted against a client: connections by address, rates, and the process's descriptors.
//!
//! Leaves: they know no other folder, and time comes in as an argument.

mod address;
mod descriptors;
mod rate;

pub use address::{AddressLimits, Admission, TooMany, network};
pub use descriptors::raise_file_limit;
pub use rate::TokenBucket;
