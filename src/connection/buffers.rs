//! Memory that a shard lends to whichever connection reads or writes just now.

use bytes::BytesMut;

/// One set for each shard, so that connections need none of their own.
#[derive(Debug, Default)]
pub struct Buffers {
    /// What is read. Messages are slices of it.
    pub(super) chunk: BytesMut,
    /// Small frames that leave in one write.
    pub(super) gathered: Vec<u8>,
    /// What TLS makes of either.
    pub records: Vec<u8>,
}
