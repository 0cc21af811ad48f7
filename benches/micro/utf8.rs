//! Text, ASCII and mixed: a frame's way through the decoder, and the checker of text in pieces.
//!
//! The cost of checking a frame is the difference to the binary frame of that size.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use ferrite::frame::{Decoder, OpCode, Payloads, utf8::Utf8Checker};

use crate::wire::{Chunk, SIZES, ascii, decode, masked, mixed};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("utf8");
    for (size, len) in SIZES {
        group.throughput(Throughput::Bytes(len as u64));
        let frames = [
            ("binary frame", masked(OpCode::Binary, &ascii(len))),
            ("ascii frame", masked(OpCode::Text, &ascii(len))),
            ("mixed frame", masked(OpCode::Text, &mixed(len))),
        ];
        for (name, frame) in &frames {
            let (mut chunk, mut decoder, mut payloads) =
                (Chunk::default(), Decoder::new(), Payloads::default());
            group.bench_function(BenchmarkId::new(*name, size), |bencher| {
                bencher.iter(|| decode(&mut decoder, &mut payloads, &mut chunk.read(black_box(frame))));
            });
        }
    }
    for (name, text) in [("ascii pieces", ascii(64 << 10)), ("mixed pieces", mixed(64 << 10))] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new(name, "64 KiB"), |bencher| {
            bencher.iter(|| check(black_box(&text)));
        });
    }
    group.finish();
}

/// Checks a text that comes in pieces which cut characters in two.
fn check(text: &[u8]) {
    let mut checker = Utf8Checker::new();
    for piece in text.chunks(PIECE) {
        checker.push(piece).expect("valid so far");
    }
    checker.finish().expect("valid");
}

/// About a packet, and no multiple of any character's length.
const PIECE: usize = 1447;
