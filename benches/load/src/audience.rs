//! One publisher and many subscribers, each of which must get everything in order.

use std::{
    rc::Rc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;

use crate::{
    connection::Connection,
    inbound::Expected,
    opening::{AT_ONCE, Way, open_all},
    outbound::payload,
    reactor::Reactor,
    report::{histogram, nanos},
    target::Target,
};

/// The publisher on /publish is connection 0, the subscribers on /subscribe are the others.
pub struct Audience {
    pub reactor: Reactor,
    pub publisher: Connection,
    pub subscribers: Vec<Connection>,
    /// Messages that came to subscribers so far.
    pub deliveries: u64,
    /// Of deliveries since it was last cleared.
    pub latencies: Histogram<u64>,
}

impl Audience {
    /// Connects everybody, and publishes until every subscriber has heard something: a server may join the
    /// topic only after it has answered the handshake.
    pub fn open(target: &Target, subscribers: usize, size: usize) -> Result<Self> {
        let mut reactor = Reactor::new(target.patience())?;
        let payload: Rc<[u8]> = payload(size).into();
        let streams = open_all(&mut reactor, &Way::to(target, "/subscribe")?, 1..1 + subscribers, AT_ONCE)?;
        let subscribers = streams.into_iter().enumerate();
        let subscribers: Vec<_> = subscribers
            .map(|(index, stream)| Connection::new(index + 1, stream, &payload, Expected::Any))
            .collect();
        let publisher = open_all(&mut reactor, &Way::to(target, "/publish")?, 0..1, 1)?.remove(0);
        let publisher = Connection::new(0, publisher, &payload, Expected::Any);
        let mut this = Self { reactor, publisher, subscribers, deliveries: 0, latencies: histogram() };
        this.settle(target.patience())?;
        Ok(this)
    }

    /// Publishes `burst` messages and waits until every subscriber has all of them.
    pub fn round(&mut self, burst: usize) -> Result<()> {
        let began = Instant::now();
        let mut due = burst;
        self.publisher.send(&mut due, |_| {})?;
        let all = self.deliveries + (burst * self.subscribers.len()) as u64;
        while self.deliveries < all {
            if !self.turn(&mut due, began)? {
                bail!("{} deliveries are missing; {}", all - self.deliveries, self.laggards());
            }
        }
        Ok(())
    }

    /// Waits once, and takes the received messages; false if the server has been silent for too long.
    fn turn(&mut self, due: &mut usize, began: Instant) -> Result<bool> {
        let alive = self.reactor.wait(TICK)?;
        let (ready, buffer) = self.reactor.ready();
        for number in ready {
            let Some(index) = number.checked_sub(1) else {
                self.publisher.receive(buffer)?;
                self.publisher.send(due, |_| {})?;
                continue;
            };
            let subscriber = &mut self.subscribers[index];
            let arrived = subscriber.receive(buffer)? as u64;
            subscriber.send(&mut 0, |_| {})?;
            if arrived > 0 {
                self.deliveries += arrived;
                self.latencies.saturating_record_n(nanos(began.elapsed()), arrived);
            }
        }
        Ok(alive)
    }

    fn settle(&mut self, patience: Duration) -> Result<()> {
        let began = Instant::now();
        let mut published = None;
        while self.subscribers.iter().any(|subscriber| matches!(subscriber.inbound.expected(), Expected::Any))
        {
            if began.elapsed() > patience {
                bail!(
                    "some subscribers hear nothing; does the server publish what comes on /publish to /subscribe?"
                );
            }
            let mut due = 0;
            if published.is_none_or(|at: Instant| at.elapsed() >= TICK) {
                published = Some(Instant::now());
                due = 1;
                self.publisher.send(&mut due, |_| {})?;
            }
            self.turn(&mut due, began)?;
        }
        // Everybody listens by now; the last message published above may still be on its way to some.
        let last = *self.publisher.outbound.next();
        while self.subscribers.iter().any(|subscriber| !subscriber.inbound.awaits_exactly(&last)) {
            if !self.turn(&mut 0, began)? {
                bail!("deliveries are missing; {}", self.laggards());
            }
        }
        Ok(())
    }

    /// Some subscribers that lack something, in words.
    fn laggards(&self) -> String {
        let next = self.publisher.outbound.next();
        let late =
            self.subscribers.iter().enumerate().filter(|(_, s)| !s.inbound.awaits_exactly(next)).take(3);
        let text: Vec<_> =
            late.map(|(i, s)| format!("subscriber {} is {}", i + 1, s.inbound.awaits())).collect();
        text.join(", ")
    }
}

/// Interval of publishing while subscribers still join, and of looks at the clock.
const TICK: Duration = Duration::from_millis(20);
