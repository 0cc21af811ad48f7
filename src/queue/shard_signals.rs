//! The signals between a shard and its producers: its sleep, returned credit, its end.
//!
//! A signal is a counter or a mark, not a queue: it cannot be full, and only its newest value counts. Each producer
//! stores its signal, then wakes the shard if it rests.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task,
};

use super::{CreditNotifier, Parker};

/// The state that all ends share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) parker: Parker,
    /// Wakes the thread that drives the shard; set before the shard's first tick.
    pub(super) waker: OnceLock<task::Waker>,
    pub(super) credit: CreditNotifier,
    /// Bytes of messages that the consumer has finished. Written by the consumer alone.
    pub(super) consumed: AtomicU64,
    /// Bytes of the bodies of requests that the consumer has answered. Written by the consumer alone.
    pub(super) answered: AtomicU64,
    /// True when the receiver is dropped: the shard takes no more commands.
    pub(super) gone: AtomicBool,
    /// True when the shard must end at once.
    pub(super) ended: AtomicBool,
}

/// The consumer's end for returning credit to one shard.
#[derive(Debug)]
pub struct CreditSender {
    shared: Arc<Shared>,
}

impl CreditSender {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone() }
    }

    /// Counts a message that the consumer has finished, in bytes of
    /// [`Event::message_cost`](super::Event::message_cost).
    pub fn consumed(&self, bytes: usize) {
        let consumed = self.shared.consumed.load(Ordering::Relaxed);
        self.shared.consumed.store(consumed + bytes as u64, Ordering::Release);
    }

    /// Counts a request that the consumer has answered, by the bytes of its body.
    pub fn answered(&self, bytes: usize) {
        let answered = self.shared.answered.load(Ordering::Relaxed);
        self.shared.answered.store(answered + bytes as u64, Ordering::Release);
    }

    /// Ends a batch: notifies the shard if a connection of it is blocked on credit.
    pub fn flush(&self) {
        if self.shared.credit.notify() && self.shared.parker.must_wake() {
            self.shared.wake();
        }
    }
}

/// Wakes a shard that rests. A consumer that drives the shard sleeps in the shard's place and is woken too.
#[derive(Debug, Clone)]
pub struct ShardWaker {
    shared: Arc<Shared>,
}

impl ShardWaker {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone() }
    }

    /// Wakes the thread that drives the shard, if it rests.
    pub fn wake(&self) {
        if self.shared.parker.must_wake_now() {
            self.shared.wake();
        }
    }
}

/// Ends a shard at once.
#[derive(Debug)]
pub struct Ender {
    shared: Arc<Shared>,
}

impl Ender {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: shared.clone() }
    }

    /// Makes the shard drop every connection and end its thread.
    pub fn end(&self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if self.shared.parker.must_wake_now() {
            self.shared.wake();
        }
    }
}

impl Shared {
    pub(super) fn wake(&self) {
        // Without a waker the shard has not begun: it checks its queues before its first rest.
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}
