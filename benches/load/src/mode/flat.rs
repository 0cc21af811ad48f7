//! Growth of a server's memory with the number of messages.

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    closed_loop::{ClosedLoop, Shape},
    process,
    report::{Meter, Report},
    target::{Target, count, size},
};

/// Echo very many messages and watch the server's memory; needs --pid
#[derive(Args)]
pub struct Flat {
    #[command(flatten)]
    target: Target,
    /// Messages in all; memory is read at every tenth of them
    #[arg(long, default_value_t = 10_000_000, value_parser = count)]
    messages: usize,
    #[arg(long, default_value_t = 64, value_parser = count)]
    connections: usize,
    /// Bytes of a message
    #[arg(long, default_value_t = 20, value_parser = size)]
    size: usize,
    /// Messages in flight on each connection
    #[arg(long, default_value_t = 16, value_parser = count)]
    window: usize,
}

impl Flat {
    pub fn run(self) -> Result<Report> {
        let Self { target, messages, connections, size, window } = self;
        let pid = target.pid.context("flat needs --pid: it is about that process's memory")?;
        let shape = Shape { path: "/echo".to_owned(), connections, size, window };
        let mut work = ClosedLoop::open(&target, &shape)?;
        let meter = Meter::start(&target)?;
        let mut samples = Vec::with_capacity(TENTHS);
        for tenth in 1..=TENTHS {
            work.run_to((messages * tenth / TENTHS) as u64)?;
            samples.push(process::memory(pid)?.rss);
        }
        let metered = meter.stop()?;
        let counted = work.count;
        work.finish()?;
        Report::new(&target, "flat")
            .put("connections", connections)
            .put("size", size)
            .put("window", window)
            .put_metered(&metered, counted)
            .put("rss_first_kib", samples[0])
            .put("rss_max_kib", samples.iter().max().copied())
            .put("rss_last_kib", samples[TENTHS - 1])
            .put("rss_samples_kib", samples)
            .put_memory(&target)
    }
}

/// The first of them is the warm-up.
const TENTHS: usize = 10;
