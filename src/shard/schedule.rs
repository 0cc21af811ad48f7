//! The order in which a tick serves connections.

use std::{collections::VecDeque, sync::Arc};

use super::{
    ready::{Flag, ReadyList},
    tick::Shard,
    work::{self, Work},
};
use crate::connection::Phase;

/// Slots to serve.
pub(super) struct Schedule {
    /// Those that their sockets woke.
    pub(super) ready: Arc<ReadyList>,
    /// Those to serve in the next tick although nothing woke them.
    pub(super) again: Vec<u32>,
    /// Those of this tick or the next ones, in order.
    next: VecDeque<u32>,
    /// Those for which something dear is to be done, after the others.
    pub(super) later: VecDeque<u32>,
    /// The time that the running part of the tick has left.
    pub(super) work: Work,
    flags: Vec<Arc<Flag>>,
}

impl Schedule {
    pub(super) fn new() -> Self {
        Self {
            ready: Arc::default(),
            again: vec![ACCEPT],
            next: VecDeque::new(),
            later: VecDeque::new(),
            work: Work::new(),
            flags: Vec::new(),
        }
    }

    /// True if no slot is to be served.
    pub(super) fn is_empty(&self) -> bool {
        self.next.is_empty() && self.later.is_empty() && self.again.is_empty() && self.ready.is_empty()
    }

    /// Begins a round, if the last one is over: all that became ready meanwhile.
    fn refill(&mut self) {
        if self.next.is_empty() {
            self.next.extend(self.again.drain(..));
            self.ready.take(&mut self.flags);
            self.next.extend(self.flags.drain(..).map(|flag| flag.lower()));
        }
    }
}

impl Shard {
    /// Serves the ready connections, in the order in which they became ready, until there is a batch for the
    /// consumer: the consumer handles it while the processor's caches still hold it, and its clients go on while
    /// others are served. Then the connections with dear work: however many they are, they delay all others by no
    /// more than their share of a tick.
    pub(super) fn serve_ready(&mut self) {
        self.schedule.refill();
        let (messages, bytes) = (self.reading.messages + BATCH_MESSAGES, self.reading.handed + BATCH_BYTES);
        if !self.schedule.next.is_empty() {
            self.schedule.work.begin(work::READY);
        }
        let mut served = 0;
        while let Some(slot) = self.schedule.next.pop_front() {
            if self.is_dear(slot) {
                self.schedule.later.push_back(slot);
                continue;
            }
            self.guarded(slot, |shard| match slot {
                ACCEPT => shard.accept(),
                _ => shard.serve(slot, false),
            });
            served += 1;
            if self.has_batch(messages, bytes) || self.schedule.work.spend(served) {
                break;
            }
        }
        if !self.schedule.later.is_empty() {
            self.schedule.work.begin(work::LATER);
        }
        while let Some(slot) = self.schedule.later.pop_front() {
            self.guarded(slot, |shard| shard.serve(slot, true));
            if self.has_batch(messages, bytes) || self.schedule.work.check_used_up() {
                break;
            }
        }
    }

    fn has_batch(&self, messages: u64, bytes: u64) -> bool {
        self.reading.messages >= messages || self.reading.handed >= bytes
    }

    /// True if a connection has to wait until the others were served: it wants to come in, or has much to inflate.
    fn is_dear(&self, slot: u32) -> bool {
        let Some(connection) = self.connections.get(slot as usize) else { return false };
        match (&connection.phase, &connection.open) {
            (Phase::Open, Some(open)) => {
                open.deflate.is_some() && open.decoder.held() + connection.unread.len() >= LITTLE
            }
            (phase, _) => {
                matches!(phase, Phase::ProxyHeader { .. } | Phase::Tls | Phase::Head(_) | Phase::Body(_))
            }
        }
    }
}

/// Messages and bytes that may be handed to the consumer in one tick before it is woken; the reads of one connection
/// are not cut short for it.
const BATCH_MESSAGES: u64 = 256;
const BATCH_BYTES: u64 = 256 << 10;
/// Compressed bytes that may be dealt with before other connections are served.
pub(super) const LITTLE: usize = 2 << 10;
/// The slot that stands for the listening sockets.
pub(super) const ACCEPT: u32 = u32::MAX;
