//! Allocations of a message, beside its time.
//!
//! Counted on this thread alone, after a warm-up: costs that a server pays once are not the point. The
//! figure does not depend on the machine, so it is a promise: each benchmark says how much it may
//! be, and more ends the run, also in `--test` mode.

#![allow(unsafe_code)] // An allocator; it counts each call and passes it on to the system's.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    hint::black_box,
};

use criterion::{BenchmarkGroup, Throughput, measurement::WallTime};

/// Benchmarks `body`, which deals with `messages` messages, and prints how many allocations each of
/// them took. More than `most` is a failure.
pub(crate) fn bench<O>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    messages: u32,
    most: f64,
    mut body: impl FnMut() -> O,
) {
    group.throughput(Throughput::Elements(messages.into()));
    // Inside, so that nothing is counted that the filter leaves out; once, though criterion calls
    // it for every sample.
    let mut counted = None;
    group.bench_function(name, |bencher| {
        counted.get_or_insert_with(|| count(messages, &mut body));
        bencher.iter(&mut body);
    });
    let Some((allocations, bytes)) = counted else { return };
    // In the column of criterion's own figures.
    println!("{:24}allocs: [{allocations:.4} and {bytes:.1} B a message]", "");
    assert!(allocations <= most, "{name}: {allocations} allocations a message, {most} at most");
}

/// Allocations, and the bytes they asked for, of each message.
fn count<O>(messages: u32, body: &mut impl FnMut() -> O) -> (f64, f64) {
    let mut rounds = || (0..ROUNDS).for_each(|_| drop(black_box(body())));
    rounds();
    let (calls, bytes) = COUNTED.get();
    rounds();
    let (calls_now, bytes_now) = COUNTED.get();
    let each = |n: u64| n as f64 / (f64::from(ROUNDS) * f64::from(messages));
    (each(calls_now - calls), each(bytes_now - bytes))
}

/// The system's allocator, and a count. Two additions to thread-local memory for each call: no
/// figure here is made of so many allocations that it would show.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    /// Calls and bytes. Constant and without a destructor, so that reading it never allocates.
    static COUNTED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

impl Counting {
    fn add(bytes: usize) {
        let (calls, sum) = COUNTED.get();
        COUNTED.set((calls + 1, sum + bytes as u64));
    }
}

// SAFETY: every call goes to the system's allocator as it came, whose promises are these.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size());
        // SAFETY: the caller keeps the rules of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Self::add(layout.size());
        // SAFETY: the caller keeps the rules of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::add(size);
        // SAFETY: the caller keeps the rules of `realloc`, and the block is the system's.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the rules of `dealloc`, and the block is the system's.
        unsafe { System.dealloc(block, layout) }
    }
}

const ROUNDS: u32 = 512;
