//! Connections that do nothing.

use std::{
    io::{ErrorKind, Read},
    thread::sleep,
    time::Duration,
};

use anyhow::{Result, bail};
use clap::Args;
use mio::net::TcpStream;

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
    /// Seconds to leave them alone before the memory is read; pings are not answered meanwhile
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
        let mut streams = open_all(&mut reactor, &way, 0..connections, AT_ONCE)?;
        let rate = connections as f64 / meter.began().elapsed().as_secs_f64();
        // The server may still be telling its handlers.
        sleep(Duration::from_millis(300));
        let metered = meter.stop()?;
        sleep(Duration::from_secs_f64(self.seconds));
        let after = target.pid.map(process::memory).transpose()?;
        streams.iter_mut().enumerate().try_for_each(|(number, stream)| still_open(number, stream))?;
        let grown = before.zip(after);
        let each = |kib: u64| kib * 1024 / connections as u64;
        Ok(Report::new(&target, "idle")
            .put("connections", connections)
            .put("rate", rate.round() as u64)
            .put(
                "cpu_us",
                metered.server.map(|cpu| rounded(cpu.as_nanos() as f64 / 1000.0 / connections as f64, 2)),
            )
            .put("rss_bytes_each", grown.map(|(before, after)| each(after.rss.saturating_sub(before.rss))))
            .put("pss_bytes_each", grown.map(|(before, after)| each(after.pss.saturating_sub(before.pss))))
            .put("rss_kib", after.map(|memory| memory.rss))
            .put("pss_kib", after.map(|memory| memory.pss)))
    }
}

/// Memory of connections that the server has closed meanwhile would be worth nothing.
fn still_open(number: usize, stream: &mut TcpStream) -> Result<()> {
    match stream.read(&mut [0; 64]) {
        Ok(0) => bail!("the server closed connection {number}, on which nothing happened"),
        Err(error) if error.kind() != ErrorKind::WouldBlock => bail!("connection {number}: {error}"),
        _ => Ok(()),
    }
}
