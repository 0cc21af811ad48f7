//! Publishing at a steady rate to subscribers that may miss messages.

use std::time::{Duration, Instant};

use anyhow::Result;
use hdrhistogram::Histogram;

use crate::{
    audience::Audience,
    connection::Connection,
    inbound::Expected,
    process,
    reactor::Reactor,
    report::{histogram, nanos},
    target::Target,
};

/// One publisher and its healthy subscribers.
pub struct Paced {
    pid: Option<u32>,
    reactor: Reactor,
    publisher: Connection,
    subscribers: Vec<Subscriber>,
}

struct Subscriber {
    connection: Connection,
    heard: u64,
    /// The reason for which it is no longer connected.
    lost: Option<String>,
}

/// The outcome of one stretch of publishing.
pub struct Heard {
    pub published: u64,
    /// For each subscriber.
    pub missing: Vec<u64>,
    /// The reasons for which some were cut off, in words.
    pub lost: Vec<String>,
    /// From publishing to hearing.
    pub latencies: Histogram<u64>,
    pub rss_before_kib: Option<u64>,
    pub rss_peak_kib: Option<u64>,
}

impl Paced {
    pub fn open(target: &Target, subscribers: usize, size: usize) -> Result<Self> {
        let Audience { reactor, publisher, subscribers, .. } = Audience::open(target, subscribers, size)?;
        let next = *publisher.outbound.next();
        let subscribers = subscribers.into_iter().map(|mut connection| {
            connection.inbound.expect(Expected::AtLeast(next));
            Subscriber { connection, heard: 0, lost: None }
        });
        Ok(Self { pid: target.pid, reactor, publisher, subscribers: subscribers.collect() })
    }

    /// Publishes one message `every` so often, then waits for those on their way.
    pub fn publish(&mut self, every: Duration, during: Duration) -> Result<Heard> {
        let rss = self.pid.map(process::resident).transpose()?;
        let mut part = Part::new(self.publisher.outbound.next().sequence(), rss);
        self.subscribers.iter_mut().for_each(|subscriber| subscriber.heard = 0);
        let began = Instant::now();
        let (mut due, mut turns) = (0, 0);
        let mut alive = true;
        while alive && began.elapsed() < during {
            let next = began + every * turns;
            let now = Instant::now();
            if now >= next {
                turns += 1;
                due += 1;
                self.send(&mut due, &mut part)?;
            } else {
                self.turn(next - now, &mut due, &mut part)?;
            }
            part.sample(self.pid)?;
        }
        // Messages that the socket has not taken by now are not published.
        due = 0;
        while alive && self.subscribers.iter().any(|s| s.lost.is_none() && s.heard < part.published()) {
            alive = self.turn(SAMPLE, &mut due, &mut part)?;
            part.sample(self.pid)?;
        }
        Ok(part.heard(&self.subscribers))
    }

    fn send(&mut self, due: &mut usize, part: &mut Part) -> Result<()> {
        self.publisher.send(due, |batch| part.times.extend(std::iter::repeat_n(Instant::now(), batch)))
    }

    fn turn(&mut self, limit: Duration, due: &mut usize, part: &mut Part) -> Result<bool> {
        let alive = self.reactor.wait(limit)?;
        let mut writable = false;
        let (ready, buffer) = self.reactor.ready();
        for number in ready {
            let Some(index) = number.checked_sub(1) else {
                self.publisher.receive(buffer)?;
                writable = true;
                continue;
            };
            let subscriber = &mut self.subscribers[index];
            if subscriber.lost.is_some() {
                continue;
            }
            match subscriber.connection.receive(buffer) {
                Ok(arrived) => {
                    subscriber.heard += arrived as u64;
                    part.arrived(&subscriber.connection, arrived);
                }
                Err(error) => subscriber.lost = Some(format!("{error:#}")),
            }
        }
        if writable {
            self.send(due, part)?;
        }
        Ok(alive)
    }
}

/// The counts meanwhile.
struct Part {
    /// The sequence number of the first message, and when each was published.
    first: u64,
    times: Vec<Instant>,
    latencies: Histogram<u64>,
    rss_before: Option<u64>,
    rss_peak: Option<u64>,
    sampled: Instant,
}

impl Part {
    fn new(first: u64, rss: Option<u64>) -> Self {
        Self {
            first,
            times: Vec::new(),
            latencies: histogram(),
            rss_before: rss,
            rss_peak: rss,
            sampled: Instant::now(),
        }
    }

    fn published(&self) -> u64 {
        self.times.len() as u64
    }

    /// Takes the latest messages for those that arrived: exact unless one is missing among them.
    fn arrived(&mut self, connection: &Connection, arrived: usize) {
        let Expected::AtLeast(next) = connection.inbound.expected() else { return };
        let end = next.sequence().saturating_sub(self.first) as usize;
        for time in self.times.iter().take(end).rev().take(arrived) {
            self.latencies.saturating_record(nanos(time.elapsed()));
        }
    }

    fn sample(&mut self, pid: Option<u32>) -> Result<()> {
        if self.sampled.elapsed() >= SAMPLE {
            self.sampled = Instant::now();
            self.rss_peak = self.rss_peak.max(pid.map(process::resident).transpose()?);
        }
        Ok(())
    }

    fn heard(self, subscribers: &[Subscriber]) -> Heard {
        let published = self.published();
        Heard {
            published,
            missing: subscribers
                .iter()
                .map(|subscriber| published.saturating_sub(subscriber.heard))
                .collect(),
            lost: subscribers.iter().filter_map(|subscriber| subscriber.lost.clone()).collect(),
            latencies: self.latencies,
            rss_before_kib: self.rss_before,
            rss_peak_kib: self.rss_peak,
        }
    }
}

/// Interval of looks at the memory.
const SAMPLE: Duration = Duration::from_millis(50);
