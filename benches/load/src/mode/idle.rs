//! Connections that do nothing.

use std::{thread::sleep, time::Duration};

use anyhow::Result;
use clap::Args;

use crate::{
    opening::{AT_ONCE, Way, open_all},
    process,
    reactor::Reactor,
    report::{Meter, Report, rounded},
    target::{Target, count, seconds},
};

/// Open connections and leave them alone: memory of each, and CPU time of a handshake
#[derive(Args)]
pub struct Idle {
    #[command(flatten)]
    target: Target,
    #[arg(long, default_value_t = 1000, value_parser = count)]
    connections: usize,
    /// How long to leave them alone before the memory is read
    #[arg(long, default_value_t = 2.0, value_parser = seconds)]
    seconds: f64,
}

impl Idle {
    pub fn run(self) -> Result<Report> {
        let Self { target, connections, .. } = self;
        let mut reactor = Reactor::new(target.patience())?;
        let way = Way::to(&target, "/echo")?;
        let before = target.pid.map(process::memory).transpose()?;
        let meter = Meter::start(&target)?;
        let streams = open_all(&mut reactor, &way, 0..connections, AT_ONCE)?;
        let rate = connections as f64 / meter.began().elapsed().as_secs_f64();
        // The server may still be telling its handlers.
        sleep(Duration::from_millis(300));
        let metered = meter.stop()?;
        sleep(Duration::from_secs_f64(self.seconds));
        let after = target.pid.map(process::memory).transpose()?;
        let grown = before.zip(after);
        let each = |kib: u64| rounded(kib as f64 * 1024.0 / connections as f64, 0);
        let report = Report::new(&target, "idle")
            .put("connections", connections)
            .put("rate", rate.round())
            .put(
                "cpu_us",
                metered.server.map(|cpu| rounded(cpu.as_nanos() as f64 / 1000.0 / connections as f64, 2)),
            )
            .put("rss_bytes_each", grown.map(|(before, after)| each(after.rss.saturating_sub(before.rss))))
            .put("pss_bytes_each", grown.map(|(before, after)| each(after.pss.saturating_sub(before.pss))))
            .put("rss_kib", after.map(|memory| memory.rss))
            .put("pss_kib", after.map(|memory| memory.pss));
        drop(streams);
        Ok(report)
    }
}
