//! The consumer's end of all links.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use super::{Event, EventReceiver, Parker, Rest, WakeFd, Waker};

/// The events of all shards, taken in turns. Of one connection they come in order; between
/// connections nothing is promised.
#[derive(Debug)]
pub struct Inbox {
    shards: Vec<EventReceiver>,
    sleeper: Arc<Parker>,
    descriptor: WakeFd,
    /// The shard whose turn it is, and how many events of it may come before another's turn.
    turn: usize,
    left: usize,
}

impl Inbox {
    /// An inbox without shards yet.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            shards: Vec::new(),
            sleeper: Arc::new(Parker::new()),
            descriptor: WakeFd::new()?,
            turn: 0,
            left: TURN,
        })
    }

    /// What a link needs to wake the consumer.
    pub fn consumer(&self) -> (Arc<Parker>, Waker) {
        (self.sleeper.clone(), self.descriptor.waker())
    }

    /// Adds the events of one more shard.
    pub fn add(&mut self, events: EventReceiver) {
        self.shards.push(events);
    }

    /// The next event. The shards take turns, so that a busy one cannot starve the others.
    pub fn pop(&mut self) -> Option<Event> {
        // One look at each, and one more at the shard whose turn is just over.
        for _ in 0..=self.shards.len() {
            if self.left > 0
                && let Some(event) = self.shards.get_mut(self.turn)?.pop()
            {
                self.left -= 1;
                return Some(event);
            }
            self.turn = (self.turn + 1) % self.shards.len();
            self.left = TURN;
        }
        None
    }

    /// Whether an event waits.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(EventReceiver::is_empty)
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

    /// Makes the descriptor unreadable again. Call it before [`pop`](Self::pop).
    pub fn clear(&self) {
        self.descriptor.clear();
    }

    /// Wakes the consumer from another thread or a signal handler.
    pub fn waker(&self) -> Waker {
        self.descriptor.waker()
    }

    /// Another descriptor for waiting only, readable whenever [`fd`](Self::fd) is: see [`WakeFd::watch`].
    pub fn watch(&self) -> io::Result<OwnedFd> {
        self.descriptor.watch()
    }

    /// The descriptor that is readable after a wake.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Events of one shard in a row.
const TURN: usize = 64;
