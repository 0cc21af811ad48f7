//! Echo at full speed: each connection keeps its window full, and an echo makes room for the next message.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;

use crate::{
    connection::Connection,
    opening::{AT_ONCE, Way, open_all},
    outbound::payload,
    reactor::Reactor,
    report::{histogram, nanos},
    target::Target,
};

/// Connections that are never idle until told to finish.
pub struct ClosedLoop {
    reactor: Reactor,
    lanes: Vec<Lane>,
    /// Echoes so far.
    pub count: u64,
    /// Of echoes since it was last cleared.
    pub latencies: Histogram<u64>,
    finishing: bool,
}

/// The options of it.
pub struct Shape {
    pub path: String,
    pub connections: usize,
    pub size: usize,
    pub window: usize,
}

struct Lane {
    connection: Connection,
    /// Messages that may be sent.
    due: usize,
    /// When each batch was sent, and how many of its messages have not come back.
    in_flight: VecDeque<(Instant, usize)>,
}

impl ClosedLoop {
    /// Connects and sends the first windows.
    pub fn open(target: &Target, shape: &Shape) -> Result<Self> {
        let mut reactor = Reactor::new(target.patience())?;
        let way = Way::to(target, &shape.path)?;
        let payload = payload(shape.size).into();
        let streams = open_all(&mut reactor, &way, 0..shape.connections, AT_ONCE)?;
        let lanes = streams.into_iter().enumerate().map(|(number, stream)| Lane {
            connection: Connection::echoed(number, stream, &payload),
            due: shape.window,
            in_flight: VecDeque::new(),
        });
        let mut this =
            Self { reactor, lanes: lanes.collect(), count: 0, latencies: histogram(), finishing: false };
        for lane in &mut this.lanes {
            lane.send(Instant::now())?;
        }
        Ok(this)
    }

    pub fn run_for(&mut self, duration: Duration) -> Result<()> {
        let until = Instant::now() + duration;
        self.run(|_| Instant::now() < until)
    }

    pub fn run_to(&mut self, count: u64) -> Result<()> {
        self.run(|this| this.count < count)
    }

    /// Sends no more and waits for the messages in flight.
    pub fn finish(&mut self) -> Result<()> {
        self.finishing = true;
        self.run(|this| this.lanes.iter().any(|lane| !lane.in_flight.is_empty()))
    }

    fn run(&mut self, goes_on: impl Fn(&Self) -> bool) -> Result<()> {
        while goes_on(self) {
            if !self.reactor.wait(TICK)? {
                let waiting = self.lanes.iter().filter(|lane| !lane.in_flight.is_empty());
                let text: Vec<_> = waiting.take(3).map(|lane| lane.connection.inbound.awaits()).collect();
                bail!("nothing comes any more; {}", text.join(", "));
            }
            let (ready, buffer) = self.reactor.ready();
            for number in ready {
                let lane = &mut self.lanes[number];
                let arrived = lane.connection.receive(buffer)?;
                let now = Instant::now();
                self.count += arrived as u64;
                lane.arrived(arrived, now, &mut self.latencies);
                if self.finishing {
                    lane.due = 0;
                }
                lane.send(now)?;
            }
        }
        Ok(())
    }
}

impl Lane {
    fn arrived(&mut self, mut messages: usize, now: Instant, latencies: &mut Histogram<u64>) {
        self.due += messages;
        while messages > 0 {
            let Some((sent, left)) = self.in_flight.front_mut() else { return };
            let these = messages.min(*left);
            latencies.saturating_record_n(nanos(now.duration_since(*sent)), these as u64);
            messages -= these;
            *left -= these;
            if *left == 0 {
                self.in_flight.pop_front();
            }
        }
    }

    fn send(&mut self, now: Instant) -> Result<()> {
        let Self { connection, due, in_flight } = self;
        connection.send(due, |batch| in_flight.push_back((now, batch)))
    }
}

/// Interval of looks at the clock when nothing comes.
const TICK: Duration = Duration::from_millis(50);
