//! The consumer's end of all links.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
};

use crossbeam_channel::Receiver;

use super::{Event, Rest, Sleeper, WakeFd, Waker};

/// The events of all shards, taken in turns. Of one connection they come in order; between
/// connections nothing is promised.
#[derive(Debug)]
pub struct Inbox {
    shards: Vec<Receiver<Event>>,
    sleeper: Arc<Sleeper>,
    descriptor: WakeFd,
    next: usize,
}

impl Inbox {
    /// An inbox without shards yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            shards: Vec::new(),
            sleeper: Arc::new(Sleeper::new()),
            descriptor: WakeFd::new()?,
            next: 0,
        })
    }

    /// What a link needs to wake the consumer.
    pub fn consumer(&self) -> (Arc<Sleeper>, Waker) {
        (self.sleeper.clone(), self.descriptor.waker())
    }

    /// Adds the events of one more shard.
    pub fn add(&mut self, events: Receiver<Event>) {
        self.shards.push(events);
    }

    /// Moves at most `max` events to the end of `into` and says how many; each shard gets its share.
    pub fn drain(&mut self, max: usize, into: &mut VecDeque<Event>) -> usize {
        let shards = self.shards.len();
        let mut left = max;
        for turn in 0..shards {
            // The share of each shard not asked yet, so that a busy one cannot starve the others
            // and a quiet one leaves its share to them.
            let share = left.div_ceil(shards - turn);
            let Some(events) = self.shards.get((self.next + turn) % shards) else { continue };
            for event in events.try_iter().take(share) {
                into.push_back(event);
                left -= 1;
            }
        }
        self.next = self.next.wrapping_add(1);
        max - left
    }

    /// Whether an event waits.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(Receiver::is_empty)
    }

    /// Announces that the consumer sleeps. False if an event waits after all: then it is awake.
    #[must_use]
    pub fn prepare_sleep(&self) -> bool {
        self.sleeper.announce(Rest::Sleep);
        if self.is_empty() {
            return true;
        }
        self.sleeper.rise();
        false
    }

    /// Ends a sleep, whatever ended it.
    pub fn awake(&self) {
        self.sleeper.rise();
    }

    /// Makes the descriptor unreadable again. Call it before [`drain`](Self::drain).
    pub fn clear(&self) {
        self.descriptor.clear();
    }

    /// Wakes the consumer from another thread or a signal handler.
    pub fn waker(&self) -> Waker {
        self.descriptor.waker()
    }

    /// The descriptor that is readable after a wake.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
