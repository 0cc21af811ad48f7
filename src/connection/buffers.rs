//! Memory that a shard lends to whichever connection reads or writes just now.

use bytes::BytesMut;

use crate::frame::Payloads;

/// One set for each shard, so that connections need none of their own.
#[derive(Debug, Default)]
pub struct Buffers {
    /// Memory for reads. Only large messages, and compressed ones until they are inflated, stay slices of it.
    pub(super) chunk: BytesMut,
    /// Where messages wait for the consumer.
    pub payloads: Payloads,
    /// Small frames that leave in one write.
    pub(super) gathered: Vec<u8>,
    /// The plaintext or the records that TLS makes.
    pub records: Vec<u8>,
}
