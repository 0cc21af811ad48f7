//! Harm that clients which do not read do to those that do.

use std::time::Duration;

use anyhow::Result;
use clap::Args;
use mio::net::TcpStream;

use crate::{
    opening::{Way, open_all},
    paced::{Heard, Paced},
    reactor::Reactor,
    report::{Report, micros, rounded},
    target::{Target, count, seconds, size},
};

/// Publish at a steady rate to healthy subscribers, first alone, then beside some that never read
///
/// A message that a healthy subscriber does not get is counted here, not refused.
#[derive(Args)]
pub struct Slow {
    #[command(flatten)]
    target: Target,
    /// Subscribers that read
    #[arg(long, default_value_t = 20, value_parser = count)]
    subscribers: usize,
    /// Subscribers that never read, with a socket buffer as small as can be
    #[arg(long, default_value_t = 2, value_parser = count)]
    slow: usize,
    /// Bytes of a message
    #[arg(long, default_value_t = 65_536, value_parser = size)]
    size: usize,
    /// Messages a second
    #[arg(long, default_value_t = 50, value_parser = count)]
    rate: usize,
    /// Seconds of each of the two parts
    #[arg(long, default_value_t = 12.5, value_parser = seconds)]
    seconds: f64,
}

impl Slow {
    pub fn run(self) -> Result<Report> {
        let mut paced = Paced::open(&self.target, self.subscribers, self.size)?;
        let every = Duration::from_secs_f64(1.0 / self.rate as f64);
        let during = Duration::from_secs_f64(self.seconds);
        let without = paced.publish(every, during)?;
        let slow = self.never_read()?;
        let with = paced.publish(every, during)?;
        drop(slow);
        let p99 = |heard: &Heard| heard.latencies.value_at_quantile(0.99);
        let p50 = |heard: &Heard| heard.latencies.value_at_quantile(0.5);
        Ok(Report::new(&self.target, "slow")
            .put("subscribers", self.subscribers)
            .put("slow", self.slow)
            .put("size", self.size)
            .put("messages_a_second", self.rate)
            .put("published", with.published)
            .put("missing_without", without.missing.iter().sum::<u64>())
            .put("missing", with.missing.iter().sum::<u64>())
            .put("missing_each", with.missing.clone())
            .put("lost_subscribers", with.lost.clone())
            .put("p50_without_us", micros(p50(&without)))
            .put("p50_us", micros(p50(&with)))
            .put("p99_without_us", micros(p99(&without)))
            .put("p99_us", micros(p99(&with)))
            .put("p99_ratio", rounded(p99(&with) as f64 / p99(&without).max(1) as f64, 2))
            .put("rss_before_kib", without.rss_before_kib)
            .put("rss_peak_without_kib", without.rss_peak_kib)
            .put("rss_peak_kib", with.rss_peak_kib))
    }

    fn never_read(&self) -> Result<Vec<TcpStream>> {
        let mut reactor = Reactor::new(self.target.patience())?;
        let mut way = Way::to(&self.target, "/subscribe")?;
        way.receive_buffer = Some(SMALLEST);
        open_all(&mut reactor, &way, 0..self.slow, self.slow)
    }
}

/// The system makes of it the least that it allows.
const SMALLEST: usize = 1;
