//! The queue of events from one shard to the consumer: first in, first out.
//!
//! The queue has no bound of its own: credit bounds the messages in it, and the number of connections bounds the rest.
//! An event for a consumer that is gone is dropped.

use std::sync::Arc;

use super::{Event, Parker, Waker, spsc};

/// Makes the two ends. `consumer` and `waker` belong to the consumer.
pub(super) fn events(consumer: Arc<Parker>, waker: Waker) -> (EventSender, EventReceiver) {
    let (sender, receiver) = spsc::channel();
    (EventSender { queue: sender, consumer, waker, pushed: false }, EventReceiver(receiver))
}

/// The shard's end for events.
#[derive(Debug)]
pub struct EventSender {
    queue: spsc::Sender<Event>,
    consumer: Arc<Parker>,
    waker: Waker,
    pushed: bool,
}

impl EventSender {
    /// Appends an event. [`flush`](Self::flush) then wakes the consumer.
    pub fn push(&mut self, event: Event) {
        // The queue refuses an event only if the consumer is gone, and then nothing is lost.
        self.pushed |= self.queue.push(event);
    }

    /// Ends a batch: wakes the consumer if it sleeps and the batch has pushed an event.
    pub fn flush(&mut self) {
        if std::mem::take(&mut self.pushed) {
            self.wake_consumer();
        }
    }

    /// Wakes the consumer if it sleeps, even without an event.
    pub fn wake_consumer(&self) {
        if self.consumer.must_wake() {
            self.waker.wake();
        }
    }

    /// True if the consumer is awake, so that more commands are likely to come.
    pub fn consumer_is_awake(&self) -> bool {
        self.consumer.is_awake()
    }
}

/// The consumer's end for the events of one shard.
#[derive(Debug)]
pub struct EventReceiver(spsc::Receiver<Event>);

impl EventReceiver {
    /// Returns the next event, if there is one.
    pub fn pop(&mut self) -> Option<Event> {
        self.0.pop()
    }

    /// True if no event waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
