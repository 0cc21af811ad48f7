//! The state of a connection that the rest of the process may see without asking its shard.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::queue::ConnectionId;

/// The gauges of one connection, shared by its shard and the consumer of its events.
#[derive(Debug)]
pub struct SendGauge {
    id: ConnectionId,
    /// Bytes that wait for the client, and three flags. The consumer adds the bytes that it sends; the shard adds
    /// those that it fans out and subtracts those that it wrote.
    outbox: AtomicU64,
    /// Messages and bytes that the consumer is done with: written by the consumer alone.
    consumed_messages: AtomicU64,
    consumed_bytes: AtomicU64,
    /// Nanoseconds from the last answered ping to its pong; 0 before the first.
    latency: AtomicU64,
}

/// The result of [`SendGauge::reserve`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserved {
    /// There is room, and the client keeps up.
    Ready,
    /// There is room, but the client's socket is full at the moment.
    Congested,
    /// There is no room.
    Full,
    /// The connection is closed or about to be.
    Closed,
}

impl SendGauge {
    /// An open connection for which nothing waits.
    pub fn new(id: ConnectionId) -> Self {
        Self {
            id,
            outbox: AtomicU64::new(0),
            consumed_messages: AtomicU64::new(0),
            consumed_bytes: AtomicU64::new(0),
            latency: AtomicU64::new(0),
        }
    }

    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// True if messages can still be sent.
    pub fn is_open(&self) -> bool {
        self.outbox.load(Ordering::Relaxed) & CLOSED == 0
    }

    /// Marks the connection as closing: nothing more can be sent. True the first time.
    pub fn close(&self) -> bool {
        self.outbox.fetch_or(CLOSED, Ordering::Relaxed) & CLOSED == 0
    }

    /// Bytes that wait for the client: given to `send` and not yet to the operating system.
    pub fn buffered(&self) -> usize {
        (self.outbox.load(Ordering::Relaxed) & BYTES) as usize
    }

    /// Counts `bytes` as waiting if no more than `limit` then do, or nothing else does, or in any
    /// case if `force`.
    pub fn reserve(&self, bytes: usize, limit: usize, force: bool) -> Reserved {
        let before = self.outbox.fetch_add(bytes as u64, Ordering::Relaxed);
        let waiting = (before & BYTES) as usize;
        let found = if before & CLOSED != 0 {
            Reserved::Closed
        } else if !force && waiting > 0 && waiting + bytes > limit {
            Reserved::Full
        } else if before & CONGESTED != 0 && self.will_hear_of_drain() {
            return Reserved::Congested;
        } else {
            return Reserved::Ready;
        };
        self.outbox.fetch_sub(bytes as u64, Ordering::Relaxed);
        found
    }

    /// The shard's part: adds `delta` to the bytes that wait.
    pub fn adjust(&self, delta: isize) {
        if delta != 0 {
            // Two's complement: adding a negative number subtracts. The shard subtracts only bytes that were added
            // before, so the count cannot borrow from the flags.
            self.outbox.fetch_add(delta as i64 as u64, Ordering::Relaxed);
        }
    }

    /// The shard's part: the client's socket is full.
    pub fn set_congested(&self) {
        self.outbox.fetch_or(CONGESTED, Ordering::Relaxed);
    }

    /// The shard's part: nothing waits any more. Whether the consumer was told of the congestion, and
    /// so waits to hear of its end.
    #[must_use]
    pub fn set_drained(&self) -> bool {
        self.outbox.fetch_and(!(CONGESTED | TOLD), Ordering::Relaxed) & TOLD != 0
    }

    /// Notes that the consumer is told of the congestion. False if it is just over: then nobody would
    /// tell it of its end.
    fn will_hear_of_drain(&self) -> bool {
        if self.outbox.fetch_or(TOLD, Ordering::Relaxed) & CONGESTED != 0 {
            return true;
        }
        self.outbox.fetch_and(!TOLD, Ordering::Relaxed);
        false
    }

    /// The consumer's part: one message of `bytes` is dealt with. Only one thread may call it.
    pub fn consume(&self, bytes: usize) {
        let messages = self.consumed_messages.load(Ordering::Relaxed);
        self.consumed_messages.store(messages.wrapping_add(1), Ordering::Relaxed);
        let consumed = self.consumed_bytes.load(Ordering::Relaxed);
        self.consumed_bytes.store(consumed.wrapping_add(bytes as u64), Ordering::Release);
    }

    /// Messages and bytes that the consumer has dealt with.
    pub fn consumed(&self) -> (u64, u64) {
        let bytes = self.consumed_bytes.load(Ordering::Acquire);
        (self.consumed_messages.load(Ordering::Relaxed), bytes)
    }

    /// Round-trip time of the last answered ping.
    pub fn latency(&self) -> Option<Duration> {
        match self.latency.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// The shard's part: a ping was answered.
    pub fn set_latency(&self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.latency.store(nanos, Ordering::Relaxed);
    }
}

const CLOSED: u64 = 1 << 63;
const CONGESTED: u64 = 1 << 62;
/// The consumer was told of the congestion.
const TOLD: u64 = 1 << 61;
/// Room for 256 TiB, so that additions on their way can never reach the flags.
const BYTES: u64 = (1 << 48) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge() -> SendGauge {
        SendGauge::new(ConnectionId::new(0, 0, 1))
    }

    #[test]
    fn a_send_that_does_not_fit_leaves_no_trace() {
        let gauge = gauge();
        assert_eq!(gauge.reserve(60, 100, false), Reserved::Ready);
        assert_eq!(gauge.reserve(60, 100, false), Reserved::Full);
        assert_eq!(gauge.buffered(), 60);
        assert_eq!(gauge.reserve(60, 100, true), Reserved::Ready);
        assert_eq!(gauge.buffered(), 120);
    }

    #[test]
    fn a_message_larger_than_the_budget_goes_if_it_is_alone() {
        let gauge = gauge();
        assert_eq!(gauge.reserve(500, 100, false), Reserved::Ready);
        assert_eq!(gauge.reserve(1, 100, false), Reserved::Full);
    }

    #[test]
    fn congestion_and_closing_are_told_with_the_same_look() {
        let gauge = gauge();
        gauge.set_congested();
        assert!(!gauge.set_drained(), "nobody was told");
        gauge.set_congested();
        assert_eq!(gauge.reserve(1, 100, false), Reserved::Congested);
        assert!(gauge.set_drained());
        assert!(gauge.close());
        assert!(!gauge.close());
        assert_eq!(gauge.reserve(1, 100, false), Reserved::Closed);
        assert_eq!(gauge.buffered(), 1);
        gauge.adjust(-1);
        assert_eq!((gauge.buffered(), gauge.is_open()), (0, false));
    }
}
