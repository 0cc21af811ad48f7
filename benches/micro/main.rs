//! Micro-benchmarks of the work for each message: `./dev bench-micro [FILTER…]`.
//!
//! One file a subject. Each goes through the public face of the crate, on one thread, with memory
//! that a shard would have warm: they compare one version of a function with the next, while
//! `benches/load` measures a server. Where the point is that nothing is allocated, the
//! allocations are counted beside the time, and too many fail the run (`allocations.rs`).
//!
//! A callback needs PHP, in which criterion cannot run: that is `callback.php`.

#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "nothing here comes from a peer: a surprise is a mistake in a benchmark, which is to end it"
)]

mod allocations;
mod audience;
mod crossing;
mod decode;
mod deflate;
mod encode;
mod header;
mod mask;
mod utf8;
mod wire;

use std::time::Duration;

use criterion::Criterion;
use ferrite::{
    config::{Config, Listen},
    runtime::Server,
};

fn main() {
    tune_the_allocator();
    // Short, because these are many and all of them steady; `--measurement-time` has its way.
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .without_plots()
        .configure_from_args();
    header::bench(&mut criterion);
    mask::bench(&mut criterion);
    utf8::bench(&mut criterion);
    decode::bench(&mut criterion);
    deflate::bench(&mut criterion);
    encode::bench(&mut criterion);
    crossing::bench(&mut criterion);
    audience::bench(&mut criterion);
    criterion.final_summary();
}

/// A server that starts sets the system's allocator for the whole process. Without that, large
/// messages would here cost page faults that they do not cost in a server.
fn tune_the_allocator() {
    let listen = vec![Listen::parse("127.0.0.1:0").expect("an address")];
    drop(Server::start(Config { listen, ..Config::default() }).expect("a server"));
}
