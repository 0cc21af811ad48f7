//! One message to many.

use std::time::Duration;

use anyhow::Result;
use clap::Args;

use crate::{
    audience::Audience,
    report::{Meter, Report},
    target::{Target, count, seconds, size},
};

/// Publish on /publish in rounds, each when every subscriber on /subscribe has all of the last
#[derive(Args)]
pub struct FanOut {
    #[command(flatten)]
    target: Target,
    #[arg(long, default_value_t = 1000, value_parser = count)]
    subscribers: usize,
    /// Bytes of a message
    #[arg(long, default_value_t = 20, value_parser = size)]
    size: usize,
    /// Messages of a round
    #[arg(long, default_value_t = 1, value_parser = count)]
    burst: usize,
    /// Seconds to measure
    #[arg(long, default_value_t = 5.0, value_parser = seconds)]
    seconds: f64,
    /// Seconds to publish before that
    #[arg(long, default_value_t = 1.0, value_parser = seconds)]
    warm_up: f64,
}

impl FanOut {
    pub fn run(self) -> Result<Report> {
        let mut audience = Audience::open(&self.target, self.subscribers, self.size)?;
        self.rounds(&mut audience, self.warm_up)?;
        audience.latencies.clear();
        let before = audience.deliveries;
        let meter = self.rounds(&mut audience, self.seconds)?;
        Report::new(&self.target, "fan-out")
            .put("subscribers", self.subscribers)
            .put("size", self.size)
            .put("burst", self.burst)
            .put_metered(&meter.stop()?, audience.deliveries - before)
            .put_latencies(&audience.latencies)
            .put_memory(&self.target)
    }

    /// At least one round.
    fn rounds(&self, audience: &mut Audience, seconds: f64) -> Result<Meter> {
        let meter = Meter::start(&self.target)?;
        loop {
            audience.round(self.burst)?;
            if meter.began().elapsed() >= Duration::from_secs_f64(seconds) {
                return Ok(meter);
            }
        }
    }
}
