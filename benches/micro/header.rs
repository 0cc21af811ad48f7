//! The head of a frame in each form, refused and unfinished ones included.

use std::hint::black_box;

use criterion::Criterion;
use ferrite::frame::{Header, OpCode};

use crate::wire::masked;

pub(crate) fn bench(criterion: &mut Criterion) {
    let short = masked(OpCode::Text, &[b'a'; 20]);
    let unfinished = short.get(..5).unwrap_or_default().to_vec();
    let forms = [
        ("7-bit length", short),
        ("16-bit length", masked(OpCode::Text, &[b'a'; 512])),
        ("64-bit length", masked(OpCode::Binary, &[0; 64 << 10])),
        ("ping", masked(OpCode::Ping, b"1234")),
        ("unfinished", unfinished),
        ("refused", vec![0x81, 0x05, b'H', b'e', b'l', b'l', b'o']),
    ];
    let mut group = criterion.benchmark_group("header");
    for (name, bytes) in &forms {
        group.bench_function(*name, |bencher| bencher.iter(|| Header::decode(black_box(bytes))));
    }
    group.finish();
}
