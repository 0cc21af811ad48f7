//! Notices from every thread of the server to the consumer: records for the log and presence changes.
//!
//! Each kind has a channel of its own, in the order in which notices were sent. The channel for records holds 1024; a
//! record beyond that is dropped and counted. Presence changes are bounded by the users of the announced topics, so
//! none is dropped. A notice for a consumer that is gone is dropped.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use crossbeam_channel as channel;

use super::{LogRecord, Parker, PresenceChange, ShardWaker, Waker};
use crate::metrics::LOG_LINES_DROPPED;

/// A producer's end for one kind of notice.
#[derive(Debug, Clone)]
struct Sender<T> {
    notices: channel::Sender<T>,
    consumer: Arc<Parker>,
    waker: Waker,
    /// The shard that the consumer may be driving: then the consumer sleeps in that shard's place.
    driven: Option<ShardWaker>,
}

impl<T> Sender<T> {
    /// Sends a notice and wakes the consumer. Returns false if there is no room. Never waits.
    fn send(&self, notice: T) -> bool {
        match self.notices.try_send(notice) {
            Ok(()) => {
                if self.consumer.must_wake() {
                    self.waker.wake();
                }
                if let Some(driven) = &self.driven {
                    driven.wake();
                }
                true
            }
            // Without a consumer nothing is lost.
            Err(error) => error.is_disconnected(),
        }
    }
}

/// A producer's end for log records. Cheap to clone; one for each thread.
#[derive(Debug, Clone)]
pub struct LogSender(Sender<Box<LogRecord>>);

impl LogSender {
    /// Sends a record. A record beyond the bound is dropped and counted.
    pub fn send(&self, record: LogRecord) {
        if !self.0.send(Box::new(record)) {
            LOG_LINES_DROPPED.add_from_anywhere(1);
        }
    }

    /// The same sender for a server whose consumer may drive the only shard.
    pub fn with_driven(mut self, shard: ShardWaker) -> Self {
        self.0.driven = Some(shard);
        self
    }
}

/// The producers' end for presence changes. The channel has no bound of its own: until the consumer has taken the leave
/// of a user, there is at most one join of that user in a topic.
#[derive(Debug)]
pub struct ChangeSender {
    sender: Sender<PresenceChange>,
    waiting: Arc<AtomicBool>,
}

impl ChangeSender {
    /// The same sender for a server whose consumer may drive the only shard.
    pub fn with_driven(mut self, shard: ShardWaker) -> Self {
        self.sender.driven = Some(shard);
        self
    }

    /// Sends a change.
    pub fn send(&self, change: PresenceChange) {
        self.sender.send(change);
        self.waiting.store(true, Ordering::Release);
    }
}

/// The consumer's ends.
#[derive(Debug)]
pub(super) struct Notices {
    pub(super) logs: channel::Receiver<Box<LogRecord>>,
    changes: channel::Receiver<PresenceChange>,
    /// Set when a change was sent: cheaper to check than the channel.
    changes_wait: Arc<AtomicBool>,
}

impl Notices {
    /// Makes the ends. `consumer` and `waker` belong to the consumer.
    pub(super) fn new(consumer: &Arc<Parker>, waker: &Waker) -> (Self, LogSender, ChangeSender) {
        let (log_sender, logs) = channel::bounded(MOST_RECORDS);
        let (change_sender, changes) = channel::unbounded();
        let (consumer, waker) = (consumer.clone(), waker.clone());
        let changes_wait = Arc::new(AtomicBool::new(false));
        let sender =
            Sender { notices: change_sender, consumer: consumer.clone(), waker: waker.clone(), driven: None };
        let change_sender = ChangeSender { sender, waiting: changes_wait.clone() };
        let log_sender = LogSender(Sender { notices: log_sender, consumer, waker, driven: None });
        (Self { logs, changes, changes_wait }, log_sender, change_sender)
    }

    /// True if a change may wait.
    #[inline]
    pub(super) fn has_changes(&self) -> bool {
        self.changes_wait.load(Ordering::Relaxed)
    }

    pub(super) fn pop_change(&self) -> Option<PresenceChange> {
        // Cleared before the channel is read: a change that is sent later sets the mark again.
        self.changes_wait.store(false, Ordering::SeqCst);
        let change = self.changes.try_recv().ok();
        if !self.changes.is_empty() {
            self.changes_wait.store(true, Ordering::Relaxed);
        }
        change
    }

    pub(super) fn is_empty(&self) -> bool {
        self.logs.is_empty() && self.changes.is_empty()
    }
}

/// The most log records that may wait for the consumer.
const MOST_RECORDS: usize = 1024;
