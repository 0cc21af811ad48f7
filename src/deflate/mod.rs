//! permessage-deflate (RFC 7692) without I/O: the agreement of two sides, and the two directions.
//!
//! Nothing here belongs to a connection unless context takeover was agreed on: a shard has one
//! [`Codec`], which serves all its connections. Knows no other folder.

mod agreement;
mod codec;
mod deflater;
mod inflater;
#[cfg(test)]
mod tests;

pub use agreement::Agreement;
pub use codec::{Codec, Contexts, Tally, WINDOWS};
pub use deflater::Deflater;
pub use inflater::{InflateError, Inflater};
