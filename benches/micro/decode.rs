//! From a read to messages: many small ones in one read, a large one in one and in several.
//!
//! Each message is dropped at once; a server drops it after its callback.

use std::hint::black_box;

use bytes::{BufMut, BytesMut};
use criterion::Criterion;
use ferrite::frame::{Decoder, OpCode, Payloads};

use crate::{
    allocations,
    wire::{Chunk, ascii, decode, masked},
};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    let small = masked(OpCode::Text, &ascii(20)).repeat(16);
    let large = masked(OpCode::Text, &ascii(64 << 10));

    let (mut chunk, mut decoder, mut payloads) = (Chunk::default(), Decoder::new(), Payloads::default());
    allocations::bench(&mut group, "16 of 20 B, one read", 16, 0.001, || {
        assert_eq!(decode(&mut decoder, &mut payloads, &mut chunk.read(black_box(&small))), 16);
    });
    allocations::bench(&mut group, "64 KiB, one read", 1, 0.001, || {
        assert_eq!(decode(&mut decoder, &mut payloads, &mut chunk.read(black_box(&large))), 1);
    });
    // The unfinished message and its buffer, which doubles.
    allocations::bench(&mut group, "64 KiB, reads of 8 KiB", 1, 8.0, || {
        assert_eq!(in_reads(&mut decoder, &mut payloads, &mut chunk, black_box(&large), 8 << 10), 1);
    });
    group.finish();
}

/// Reads `wire` in pieces as a connection does (`src/connection/reader.rs`): into the chunk, or
/// straight into the buffer of a large message.
fn in_reads(
    decoder: &mut Decoder,
    payloads: &mut Payloads,
    chunk: &mut Chunk,
    mut wire: &[u8],
    most: usize,
) -> usize {
    let mut items = 0;
    while !wire.is_empty() {
        let mut len = wire.len().min(most);
        let mut input = BytesMut::new();
        if let Some(mut direct) = decoder.direct_buffer() {
            len = len.min(direct.remaining_mut());
            direct.put_slice(wire.get(..len).unwrap_or_default());
        } else {
            input = chunk.read(wire.get(..len).unwrap_or_default());
        }
        items += decode(decoder, payloads, &mut input);
        wire = wire.get(len..).unwrap_or_default();
    }
    items
}
