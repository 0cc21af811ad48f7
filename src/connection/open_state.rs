//! The state of an open connection, and the patience with an unfinished message and with a flood of control frames.

use std::{sync::Arc, time::Duration};

use super::{Credit, Heart, SendGauge};
use crate::{
    deflate::{Agreement, Contexts},
    frame::Decoder,
    limits::{LeastRate, TokenBucket},
};

/// The state that only an open connection has.
#[derive(Debug)]
pub struct OpenState {
    /// The gauge that the rest of the process sees.
    pub gauge: Arc<SendGauge>,
    /// Frames to messages.
    pub decoder: Decoder,
    /// The state of compression, if messages are compressed.
    pub deflate: Option<Contexts>,
    /// Credit for handing messages to PHP.
    pub credit: Credit,
    /// Pings and signs of life.
    pub heart: Heart,
    /// When the patience with the unfinished message is over.
    pub message_due: Option<Duration>,
    /// Control frames in the running second, and for how many seconds there were too many.
    pub control: ControlRate,
    /// The message rate, if it is limited.
    pub rate: Option<TokenBucket>,
    /// Until when reading waits because the rate was exceeded, and since when.
    pub throttled: Option<Throttled>,
    /// True if PHP paused reading.
    pub paused: bool,
    /// True if reading waits for credit.
    pub blocked: bool,
    /// Changes of the outbox that the gauge does not show yet.
    pub unreported: isize,
    /// True if the gauge says that the socket is full.
    pub congested: bool,
}

/// Reading is delayed to hold a client to its message rate.
#[derive(Debug, Clone, Copy)]
pub struct Throttled {
    /// When it may go on.
    pub until: Duration,
    /// Since when it has been delayed again and again.
    pub since: Duration,
    /// True if it is delayed now.
    pub now: bool,
}

/// Counts control frames: over 100 a second for five seconds is a flood.
#[derive(Debug, Clone, Copy, Default)]
pub struct ControlRate {
    second: u32,
    frames: u16,
    over: u8,
}

impl OpenState {
    /// A connection that opens now.
    pub fn new(
        gauge: Arc<SendGauge>,
        deflate: Option<Agreement>,
        heart: Heart,
        rate: Option<TokenBucket>,
    ) -> Self {
        Self {
            gauge,
            decoder: Decoder::new(),
            deflate: deflate.map(Contexts::new),
            credit: Credit::default(),
            heart,
            message_due: None,
            control: ControlRate::default(),
            rate,
            throttled: None,
            paused: false,
            blocked: false,
            unreported: 0,
            congested: false,
        }
    }

    /// After a read: `arrived` bytes of a message have come that has not ended. `goes_on`: it is the one that had
    /// not ended before.
    pub fn message_arrives(&mut self, now: Duration, arrived: usize, goes_on: bool) {
        self.message_due = Some(match self.message_due {
            Some(due) if goes_on => MESSAGES.go_on(due, now, arrived),
            _ => MESSAGES.begin(now),
        });
    }

    /// True if the unfinished message comes too slowly. `reading`: true if the client is being read; after a time in
    /// which it is not, the patience is whole again.
    pub fn check_message_overdue(&mut self, now: Duration, reading: bool) -> bool {
        let Some(due) = &mut self.message_due else { return false };
        if !reading {
            *due = MESSAGES.begin(now);
        }
        now >= *due
    }

    /// Bytes that a compressed message has inflated to which is not whole yet.
    pub fn held(&self) -> usize {
        self.deflate.as_ref().map_or(0, Contexts::held)
    }

    /// Reports changes of the outbox to the gauge.
    pub fn report(&mut self) {
        self.gauge.adjust(std::mem::take(&mut self.unreported));
    }
}

impl ControlRate {
    /// Counts one; true if it is a flood by now.
    pub fn count_frame(&mut self, now: Duration) -> bool {
        let second = now.as_secs() as u32;
        if second != self.second {
            let quiet = self.frames <= CONTROL_FRAMES || second != self.second.wrapping_add(1);
            self.over = if quiet { 0 } else { self.over + 1 };
            self.second = second;
            self.frames = 0;
        }
        self.frames = self.frames.saturating_add(1);
        self.over >= CONTROL_SECONDS
    }
}

/// The least rate at which a message may arrive: one of 1 MiB may take 18 minutes.
const MESSAGES: LeastRate = LeastRate { rate: 1024, patience: Duration::from_secs(30) };
const CONTROL_FRAMES: u16 = 100;
const CONTROL_SECONDS: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{connection::Connection, queue::ConnectionId};

    #[test]
    fn over_a_hundred_control_frames_a_second_for_five_seconds_are_a_flood() {
        let flood = |per_second: u32, seconds: u64| {
            let mut rate = ControlRate::default();
            (0..seconds)
                .any(|second| (0..per_second).any(|_| rate.count_frame(Duration::from_secs(10 + second))))
        };
        assert!(!flood(101, 5) && flood(101, 6));
        assert!(!flood(100, 60));
    }

    #[test]
    fn a_message_that_stops_arriving_has_thirty_seconds() {
        let heart = Heart::new(&crate::config::Heartbeat::default(), Duration::ZERO, 0);
        let mut open =
            OpenState::new(Arc::new(SendGauge::new(ConnectionId::new(0, 0, 1))), None, heart, None);
        let second = Duration::from_secs(1);
        assert!(!open.check_message_overdue(second * 1000, true));
        open.message_arrives(second * 5, 10, false);
        assert!(!open.check_message_overdue(second * 34, true));
        assert!(open.check_message_overdue(second * 35, true));
        // However much has come before.
        open.message_arrives(second * 6, 1 << 20, true);
        assert!(!open.check_message_overdue(second * 35, true));
        assert!(open.check_message_overdue(second * 36, true));
    }

    #[test]
    fn a_message_is_not_overdue_for_the_time_in_which_nobody_read_it() {
        let heart = Heart::new(&crate::config::Heartbeat::default(), Duration::ZERO, 0);
        let mut open =
            OpenState::new(Arc::new(SendGauge::new(ConnectionId::new(0, 0, 1))), None, heart, None);
        let second = Duration::from_secs(1);
        open.message_arrives(second * 5, 10, false);
        assert!(!open.check_message_overdue(second * 60, false));
        assert!(!open.check_message_overdue(second * 61, true), "resumed a second ago");
        assert!(open.check_message_overdue(second * 90, true));
    }

    #[test]
    fn a_quiet_second_forgives_a_flood() {
        let mut rate = ControlRate::default();
        for second in 0..60 {
            let frames = if second % 4 == 3 { 1 } else { 500 };
            for _ in 0..frames {
                assert!(!rate.count_frame(Duration::from_secs(second)));
            }
        }
    }

    /// The cost of an idle connection is these, its socket in tokio, its waker, and its places in the slab, the
    /// registry and the consumer's table; docs/performance.md has the sum. A larger number here is a decision, not an
    /// accident: 15 000 connections pay for it.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_connection_is_as_large_as_it_was_meant_to_be() {
        let sizes = [
            size_of::<Connection>(),
            size_of::<OpenState>(),
            size_of::<SendGauge>(),
            size_of::<crate::queue::Event>(),
            size_of::<crate::queue::Command>(),
        ];
        assert_eq!(sizes, [336, 224, 48, 48, 72]);
    }
}
