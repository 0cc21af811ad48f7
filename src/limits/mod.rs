//! Counts held against a client: connections by address, and rates.
//!
//! Leaves: they know no other folder, and time comes in as an argument.

mod address;
mod least_rate;
mod rate;

pub use address::{AddressLimits, Admission, TooMany, network};
pub use least_rate::LeastRate;
pub use rate::TokenBucket;
