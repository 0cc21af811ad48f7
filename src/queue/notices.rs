//! Notices from every thread of the server to the consumer: records for the log, changes of presence.

use std::sync::Arc;

use crossbeam_channel as channel;

use super::{LogRecord, Parker, PresenceChange, ShardWaker, Waker};
use crate::metrics::LOG_LINES_DROPPED;

/// A producer's end for one kind of notice.
#[derive(Debug, Clone)]
struct Sender<T> {
    notices: channel::Sender<T>,
    consumer: Arc<Parker>,
    waker: Waker,
    /// The shard that the consumer may be driving, in whose place it then sleeps.
    driven: Option<ShardWaker>,
}

impl<T> Sender<T> {
    /// Sends a notice and wakes the consumer. False if there is no room. Never waits.
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
            // Without a consumer nothing can miss it.
            Err(error) => error.is_disconnected(),
        }
    }
}

/// A producer's end for records of the log. Cheap to clone, one for each thread.
#[derive(Debug, Clone)]
pub struct LogSender(Sender<Box<LogRecord>>);

impl LogSender {
    /// Sends a record. A record beyond the bound is dropped and counted.
    pub fn send(&self, record: LogRecord) {
        if !self.0.send(Box::new(record)) {
            LOG_LINES_DROPPED.add_from_anywhere(1);
        }
    }

    /// The same for a server whose only shard may be driven by the consumer.
    pub fn with_driven(mut self, shard: ShardWaker) -> Self {
        self.0.driven = Some(shard);
        self
    }
}

/// The producers' end for changes of presence. Has no bound of its own: until the consumer has come to the leave of a
/// user, there is at most one join of that user in a topic.
#[derive(Debug)]
pub struct ChangeSender(Sender<PresenceChange>);

impl ChangeSender {
    /// The same for a server whose only shard may be driven by the consumer.
    pub fn with_driven(mut self, shard: ShardWaker) -> Self {
        self.0.driven = Some(shard);
        self
    }

    /// Sends a change.
    pub fn send(&self, change: PresenceChange) {
        self.0.send(change);
    }
}

/// The consumer's ends.
#[derive(Debug)]
pub(super) struct Notices {
    pub(super) logs: channel::Receiver<Box<LogRecord>>,
    pub(super) changes: channel::Receiver<PresenceChange>,
}

impl Notices {
    /// Makes the ends. `consumer` and `waker` belong to the consumer.
    pub(super) fn new(consumer: &Arc<Parker>, waker: &Waker) -> (Self, LogSender, ChangeSender) {
        let (log_sender, logs) = channel::bounded(MOST_RECORDS);
        let (change_sender, changes) = channel::unbounded();
        let (consumer, waker) = (consumer.clone(), waker.clone());
        let changes_sender = ChangeSender(Sender {
            notices: change_sender,
            consumer: consumer.clone(),
            waker: waker.clone(),
            driven: None,
        });
        let log_sender = LogSender(Sender { notices: log_sender, consumer, waker, driven: None });
        (Self { logs, changes }, log_sender, changes_sender)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.logs.is_empty() && self.changes.is_empty()
    }
}

/// Records of the log that may wait for the consumer.
const MOST_RECORDS: usize = 1024;
