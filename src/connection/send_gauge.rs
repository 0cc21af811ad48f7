//! The state of a connection that the rest of the process may see without asking its shard.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::{
    queue::ConnectionId,
    ring::{SeenTable, TableWord},
};

/// The gauges of one connection, shared by its shard and the consumer of its events.
#[derive(Debug)]
pub struct SendGauge {
    id: ConnectionId,
    words: Words,
    /// Messages and bytes that the consumer is done with: written by the consumer alone.
    consumed_messages: AtomicU64,
    consumed_bytes: AtomicU64,
}

/// The place of the words that others look at. The first: bytes that wait for the client, and four flags. The consumer
/// adds the bytes that it sends; the shard adds those that it fans out and subtracts those that it wrote. The second:
/// nanoseconds from the last answered ping to its pong; 0 before the first.
#[derive(Debug)]
enum Words {
    Own([AtomicU64; 2]),
    /// In a front, for its workers.
    Shown(TableWord),
    /// In a worker: the front's.
    Seen(Box<Seen>),
}

/// The gauges of a connection as a worker sees them.
#[derive(Debug)]
struct Seen {
    table: Arc<SeenTable>,
    /// `None` if the front's table is full, or the connection another worker's.
    place: Option<u32>,
    /// True if this worker has closed the connection, or knows that it is.
    closed: AtomicBool,
    /// Bytes that this worker has sent, and the end of its records then: those that the front has read are in the
    /// front's word.
    on_their_way: AtomicU64,
    sent_at: AtomicU64,
    /// The most topics and tags that the connection can have, as far as this worker knows.
    topics: AtomicUsize,
    tags: AtomicUsize,
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
        Self::with(id, Words::Own(Default::default()))
    }

    /// The same in a front: its workers see it too.
    pub fn shown(id: ConnectionId, words: TableWord) -> Self {
        Self::with(id, Words::Shown(words))
    }

    /// In a worker, the gauges of a connection whose words are at `place` of the front's table. Without a place the
    /// connection seems open, and nothing seems to wait.
    pub fn seen(id: ConnectionId, table: Arc<SeenTable>, place: Option<u32>) -> Self {
        let (closed, on_their_way, sent_at) = Default::default();
        let [topics, tags] = [usize::MAX, usize::MAX].map(AtomicUsize::new);
        Self::with(
            id,
            Words::Seen(Box::new(Seen { table, place, closed, on_their_way, sent_at, topics, tags })),
        )
    }

    /// In a worker: the connection has this many topics and tags.
    pub fn set_known(&self, topics: Option<usize>, tags: Option<usize>) {
        if let Words::Seen(seen) = &self.words {
            topics.into_iter().for_each(|topics| seen.topics.store(topics, Ordering::Relaxed));
            tags.into_iter().for_each(|tags| seen.tags.store(tags, Ordering::Relaxed));
        }
    }

    /// In a worker, before it adds `topics` and `tags`: false if that could be more than the limits, so that the front
    /// has to be asked.
    pub fn surely_has_room(&self, topics: usize, max_topics: usize, tags: usize, max_tags: usize) -> bool {
        let Words::Seen(seen) = &self.words else { return false };
        let room = |known: &AtomicUsize, more: usize, most: usize| {
            let sum = known.load(Ordering::Relaxed).saturating_add(more);
            (sum <= most).then(|| known.store(sum, Ordering::Relaxed)).is_some()
        };
        room(&seen.topics, topics, if topics == 0 { usize::MAX } else { max_topics })
            && room(&seen.tags, tags, if tags == 0 { usize::MAX } else { max_tags })
    }

    fn with(id: ConnectionId, words: Words) -> Self {
        Self { id, words, consumed_messages: AtomicU64::new(0), consumed_bytes: AtomicU64::new(0) }
    }

    /// The place of the words in the front's table.
    pub fn place(&self) -> Option<u32> {
        match &self.words {
            Words::Shown(words) => Some(words.place()),
            Words::Own(_) | Words::Seen(_) => None,
        }
    }

    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// True if messages can still be sent.
    pub fn is_open(&self) -> bool {
        match &self.words {
            Words::Seen(seen) => seen.outbox() & CLOSED == 0,
            _ => self.outbox().load(Ordering::Relaxed) & CLOSED == 0,
        }
    }

    /// Marks the connection as closing: nothing more can be sent. True the first time.
    pub fn close(&self) -> bool {
        match &self.words {
            Words::Seen(seen) => !seen.closed.swap(true, Ordering::Relaxed) && seen.word(0) & CLOSED == 0,
            _ => self.outbox().fetch_or(CLOSED, Ordering::Relaxed) & CLOSED == 0,
        }
    }

    /// Notes that the consumer knows of the close: it has ordered it, or has come to `Event::Close`.
    pub fn set_close_known(&self) {
        match &self.words {
            Words::Seen(seen) => seen.closed.store(true, Ordering::Relaxed),
            _ => {
                self.outbox().fetch_or(KNOWN, Ordering::Relaxed);
            }
        }
    }

    /// True if the consumer knows of the close. Between the close and this, callbacks for earlier events of the
    /// connection may be called.
    pub fn is_close_known(&self) -> bool {
        match &self.words {
            Words::Seen(seen) => seen.closed.load(Ordering::Relaxed),
            _ => self.outbox().load(Ordering::Relaxed) & KNOWN != 0,
        }
    }

    /// Bytes that wait for the client: given to `send` and not yet to the operating system.
    pub fn buffered(&self) -> usize {
        let word = match &self.words {
            Words::Seen(seen) => seen.outbox() + seen.on_their_way.load(Ordering::Relaxed),
            _ => self.outbox().load(Ordering::Relaxed),
        };
        (word & BYTES) as usize
    }

    /// In a worker, before it sends `bytes` in a record that ends at `end`: the result that is to be expected. `read` is
    /// the end of the records that the front has read.
    pub fn expect(&self, bytes: usize, limit: usize, force: bool, end: u64, read: u64) -> Reserved {
        let Words::Seen(seen) = &self.words else { return Reserved::Closed };
        let word = seen.outbox();
        if word & CLOSED != 0 || seen.closed.load(Ordering::Relaxed) {
            return Reserved::Closed;
        }
        let arrived = read >= seen.sent_at.load(Ordering::Relaxed);
        let on_their_way = if arrived { 0 } else { seen.on_their_way.load(Ordering::Relaxed) };
        let waiting = (word & BYTES) as usize + on_their_way as usize;
        if !force && waiting > 0 && waiting + bytes > limit {
            return Reserved::Full;
        }
        seen.on_their_way.store(on_their_way + bytes as u64, Ordering::Relaxed);
        seen.sent_at.store(end, Ordering::Relaxed);
        if word & CONGESTED != 0 { Reserved::Congested } else { Reserved::Ready }
    }

    #[inline]
    fn outbox(&self) -> &AtomicU64 {
        self.words.get(0)
    }

    /// Counts `bytes` as waiting if no more than `limit` then do, or nothing else does, or in any
    /// case if `force`.
    #[inline]
    pub fn reserve(&self, bytes: usize, limit: usize, force: bool) -> Reserved {
        let before = self.outbox().fetch_add(bytes as u64, Ordering::Relaxed);
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
        self.outbox().fetch_sub(bytes as u64, Ordering::Relaxed);
        found
    }

    /// The shard's part: adds `delta` to the bytes that wait.
    pub fn adjust(&self, delta: isize) {
        if delta != 0 {
            // Two's complement: adding a negative number subtracts. The shard subtracts only bytes that were added
            // before, so the count cannot borrow from the flags.
            self.outbox().fetch_add(delta as i64 as u64, Ordering::Relaxed);
        }
    }

    /// The shard's part: the client's socket is full.
    pub fn set_congested(&self) {
        self.outbox().fetch_or(CONGESTED, Ordering::Relaxed);
    }

    /// The shard's part: nothing waits any more. Whether the consumer was told of the congestion, and
    /// so waits to hear of its end.
    #[must_use]
    pub fn set_drained(&self) -> bool {
        self.outbox().fetch_and(!(CONGESTED | TOLD), Ordering::Relaxed) & TOLD != 0
    }

    /// Notes that the consumer is told of the congestion. False if it is just over: then nobody would
    /// tell it of its end.
    fn will_hear_of_drain(&self) -> bool {
        if self.outbox().fetch_or(TOLD, Ordering::Relaxed) & CONGESTED != 0 {
            return true;
        }
        self.outbox().fetch_and(!TOLD, Ordering::Relaxed);
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
        let nanos = match &self.words {
            Words::Seen(seen) => seen.word(1),
            words => words.get(1).load(Ordering::Relaxed),
        };
        match nanos {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        }
    }

    /// The shard's part: a ping was answered.
    pub fn set_latency(&self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX).max(1);
        self.words.get(1).store(nanos, Ordering::Relaxed);
    }
}

impl Words {
    /// One of the words, in the process of the shards.
    #[inline]
    fn get(&self, word: usize) -> &AtomicU64 {
        match self {
            Self::Own([outbox, latency]) => {
                if word == 0 {
                    outbox
                } else {
                    latency
                }
            }
            Self::Shown(words) => words.word(word),
            // A worker has none, and asks for none.
            Self::Seen(seen) => &seen.on_their_way,
        }
    }
}

impl Seen {
    fn outbox(&self) -> u64 {
        let closed = if self.closed.load(Ordering::Relaxed) { CLOSED } else { 0 };
        self.word(0) | closed
    }

    fn word(&self, word: usize) -> u64 {
        self.place.map_or(0, |place| self.table.load(place, word))
    }
}

const CLOSED: u64 = 1 << 63;
const CONGESTED: u64 = 1 << 62;
/// The consumer was told of the congestion.
const TOLD: u64 = 1 << 61;
/// The consumer knows that the connection is closed.
const KNOWN: u64 = 1 << 60;
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
