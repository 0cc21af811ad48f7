//! Unmasking alone, and together with the check for ASCII.
//!
//! Unmasking twice masks again, and the bytes make no difference to either function: so
//! the same buffer serves for ever.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput};
use ferrite::frame::mask;

use crate::wire::{KEY, SIZES, ascii};

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("mask");
    for (size, len) in SIZES {
        group.throughput(Throughput::Bytes(len as u64));
        let mut payload = ascii(len);
        group.bench_function(BenchmarkId::new("unmask", size), |bencher| {
            bencher.iter(|| mask::apply(black_box(&mut payload), KEY));
        });
        group.bench_function(BenchmarkId::new("unmask text", size), |bencher| {
            bencher.iter(|| mask::apply_to_text(black_box(&mut payload), KEY));
        });
    }
    group.finish();
}
