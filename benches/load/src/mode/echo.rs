//! Messages and their echoes.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::{
    closed_loop::{ClosedLoop, Shape},
    report::{Meter, Report},
    target::{Target, count, seconds, size},
};

/// Send messages on /echo and wait for their echoes
#[derive(Args)]
pub struct Echo {
    #[command(flatten)]
    target: Target,
    #[arg(long, default_value_t = 64, value_parser = count)]
    connections: usize,
    /// Bytes of a message
    #[arg(long, default_value_t = 20, value_parser = size)]
    size: usize,
    /// Messages in flight on each connection
    #[arg(long, default_value_t = 1, value_parser = count)]
    window: usize,
    /// Seconds to measure
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
    /// Seconds to send before that
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    warm_up: f64,
    /// The path of the handshake
    #[arg(long, default_value = "/echo")]
    path: String,
}

impl Echo {
    pub fn run(self) -> Result<Report> {
        let Self { target, connections, size, window, path, .. } = self;
        let mut work = ClosedLoop::open(&target, &Shape { path, connections, size, window })?;
        work.run_for(Duration::from_secs_f64(self.warm_up))?;
        work.latencies.clear();
        let (before, meter) = (work.count, Meter::start(&target)?);
        work.run_for(Duration::from_secs_f64(self.seconds))?;
        let (messages, metered) = (work.count - before, meter.stop()?);
        let latencies = work.latencies.clone();
        let report = Report::new(&target, "echo")
            .put("connections", connections)
            .put("size", size)
            .put("window", window)
            .put_metered(&metered, messages)
            .put_latencies(&latencies)
            .put_memory(&target)?;
        work.finish()?;
        Ok(report)
    }
}
