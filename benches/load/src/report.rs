//! The measurements around a run, and the JSON line with them.

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::{process, target::Target};

/// A result: one line of JSON, in the order in which it was filled.
pub struct Report(Map<String, Value>);

impl Report {
    pub fn new(target: &Target, mode: &str) -> Self {
        Self(Map::new()).put("name", &*target.name).put("mode", mode)
    }

    #[must_use]
    pub fn put(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.0.insert(key.to_owned(), value.into());
        self
    }

    /// Rate, CPU time per one of `count`, and how busy both sides were.
    #[must_use]
    pub fn put_metered(self, metered: &Metered, count: u64) -> Self {
        let seconds = metered.wall.as_secs_f64();
        let share = |cpu: Duration| rounded(cpu.as_secs_f64() / seconds, 3);
        let each =
            |cpu: Duration| (count > 0).then(|| rounded(cpu.as_nanos() as f64 / 1000.0 / count as f64, 4));
        self.put("count", count)
            .put("measured_s", rounded(seconds, 3))
            .put("rate", (count as f64 / seconds).round() as u64)
            .put("cpu_us", metered.server.and_then(each))
            .put("server_cpu", metered.server.map(share))
            .put("generator_cpu", share(metered.own))
    }

    /// Quantiles in microseconds.
    #[must_use]
    pub fn put_latencies(mut self, latencies: &Histogram<u64>) -> Self {
        for (name, quantile) in QUANTILES {
            let value = (!latencies.is_empty()).then(|| micros(latencies.value_at_quantile(quantile)));
            self = self.put(name, value);
        }
        self
    }

    /// The server's memory as it is now.
    pub fn put_memory(self, target: &Target) -> Result<Self> {
        let memory = target.pid.map(process::memory).transpose()?;
        Ok(self.put("rss_kib", memory.map(|m| m.rss)).put("pss_kib", memory.map(|m| m.pss)))
    }

    pub fn line(self) -> String {
        json!(self.0).to_string()
    }
}

/// The cost of a stretch of time.
pub struct Metered {
    pub wall: Duration,
    pub server: Option<Duration>,
    pub own: Duration,
}

/// A stretch of time that has begun.
pub struct Meter {
    pid: Option<u32>,
    began: Instant,
    server: Option<Duration>,
    own: Duration,
}

impl Meter {
    pub fn start(target: &Target) -> Result<Self> {
        let server = target.pid.map(process::cpu).transpose()?;
        Ok(Self { pid: target.pid, own: process::own_cpu()?, server, began: Instant::now() })
    }

    pub fn began(&self) -> Instant {
        self.began
    }

    pub fn stop(&self) -> Result<Metered> {
        let (wall, own) = (self.began.elapsed(), process::own_cpu()?);
        let server = self.pid.map(process::cpu).transpose()?;
        Ok(Metered {
            wall,
            server: server.zip(self.server).map(|(after, before)| after.saturating_sub(before)),
            own: own - self.own,
        })
    }
}

/// For latencies in nanoseconds, up to a minute.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("bounds that are in order")
}

/// A latency for the histogram.
pub fn nanos(latency: Duration) -> u64 {
    u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX)
}

pub fn micros(nanos: u64) -> f64 {
    rounded(nanos as f64 / 1000.0, 1)
}

pub fn rounded(value: f64, places: i32) -> f64 {
    let factor = 10_f64.powi(places);
    (value * factor).round() / factor
}

const QUANTILES: [(&str, f64); 4] = [("p50_us", 0.5), ("p90_us", 0.9), ("p99_us", 0.99), ("p999_us", 0.999)];
