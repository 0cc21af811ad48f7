//! Notifying the subscribers of announced topics that users join and leave.
//!
//! Any thread of the server may do it, one at a time, so that every subscriber gets the changes in one order. A shard
//! notifies of the joins that it causes at once; it does not wait for the consumer, whose callback may block. A leave
//! follows the last message of its connection, so it waits until the consumer has come to `Event::Close`. While a
//! callback has a list of [`presence`](Announcer::presence) in hand, or has itself changed topics, the changes are held
//! until it returns: a list and the changes after it agree.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use parking_lot::Mutex;

use super::{Outgoing, Publisher};
use crate::{
    hub::{Hub, Presence},
    queue::{ChangeSender, PresenceChange},
};

/// One for each server.
#[derive(Debug)]
pub struct Announcer {
    hub: Arc<Hub>,
    /// Locked by the thread that notifies.
    consumer: Mutex<Option<ChangeSender>>,
    /// Set by the consumer's thread alone, while the changes are held.
    held: AtomicBool,
}

impl Announcer {
    /// `consumer` gets each change that was announced, if the consumer is interested.
    pub(super) fn new(hub: Arc<Hub>, consumer: Option<ChangeSender>) -> Self {
        Self { hub, consumer: Mutex::new(consumer), held: AtomicBool::new(false) }
    }

    /// Announces the changes that are due, as fast as subscribers may be notified; `through` is the publisher of the
    /// calling thread. Nothing while the changes are held, or while a shard is behind with its commands and the
    /// publisher may not wait: they are still due then.
    pub fn announce_due(&self, through: &mut Publisher) {
        // Nearly always there is no change, and then no thread reads the clock.
        let Some(due) = self.hub.directory.next_due() else { return };
        let now = Instant::now();
        if due > now || through.is_held_up() {
            return;
        }
        let consumer = self.consumer.lock();
        if !self.held.load(Ordering::Relaxed) {
            let (changes, to_clients) = self.hub.directory.take_due(now);
            self.notify(&consumer, through, changes, to_clients);
        }
    }

    /// The time at which [`announce_due`](Self::announce_due) has something to do, by itself and not by a call of
    /// [`release`](Self::release).
    pub fn next_due(&self) -> Option<Instant> {
        let due = self.hub.directory.next_due()?;
        (!self.held.load(Ordering::Relaxed)).then_some(due)
    }

    /// True if [`release`](Self::release) may have something to do. By the consumer's thread.
    #[inline]
    pub(super) fn is_busy(&self) -> bool {
        self.held.load(Ordering::Relaxed) || self.hub.directory.next_due().is_some()
    }

    /// Holds all changes until the consumer calls [`release`](Self::release). By the consumer's thread.
    pub(super) fn hold(&self) {
        if self.hub.directory.is_announcing() && !self.held.load(Ordering::Relaxed) {
            // Locked, so that no other thread is in the middle of notifying afterwards.
            let _consumer = self.consumer.lock();
            self.held.store(true, Ordering::Relaxed);
        }
    }

    /// Ends a hold and announces the changes that are due. By the consumer's thread, between two callbacks.
    pub(super) fn release(&self, through: &mut Publisher) {
        if self.held.load(Ordering::Relaxed) {
            self.held.store(false, Ordering::Relaxed);
        }
        self.announce_due(through);
    }

    /// Announces all changes, due or not: the server ends. By the consumer's thread.
    pub(super) fn announce_all(&self, through: &mut Publisher) {
        let consumer = self.consumer.lock();
        self.held.store(false, Ordering::Relaxed);
        let (changes, to_clients) = self.hub.directory.take_all(None);
        self.notify(&consumer, through, changes, to_clients);
    }

    /// Returns the users of a topic, after announcing the changes until now, and holds those that follow. A client that
    /// gets this list, and then the changes, knows exactly which users are there. By the consumer's thread.
    pub(super) fn presence(&self, through: &mut Publisher, topic: &str) -> Presence {
        let consumer = self.consumer.lock();
        self.held.store(self.hub.directory.is_announcing(), Ordering::Relaxed);
        let (changes, to_clients, presence) = self.hub.directory.take_due_and_presence(topic);
        self.notify(&consumer, through, changes, to_clients);
        presence
    }

    fn notify(
        &self,
        consumer: &Option<ChangeSender>,
        through: &mut Publisher,
        changes: Vec<PresenceChange>,
        to_clients: bool,
    ) {
        let to_consumer = self.hub.interests().presence;
        for change in changes {
            if to_clients {
                // A name that is longer than anything that can be sent is left out.
                let _ =
                    through.publish(&change.topic, Outgoing::new(change.message().as_bytes(), false), &[]);
            }
            if let Some(consumer) = consumer.as_ref().filter(|_| to_consumer) {
                consumer.send(change);
            }
        }
    }
}
