//! Notifying the subscribers of announced topics that users join and leave.
//!
//! Any thread of the server announces, one at a time, so every subscriber gets the changes in one order. A shard
//! announces the joins that it causes at once; it does not wait for the consumer, whose callback may block. A leave is
//! announced after the last message of its connection, so it waits until the consumer has taken `Event::Close`. While a
//! callback has a list from [`presence`](Announcer::presence), or has changed topics itself, the changes are held until
//! it returns: a list and the changes after it agree.
//!
//! Changes that the pace defers, and those that come while a shard is behind with its commands, stay in the directory
//! and are announced later. At shutdown all of them are announced.

use std::{sync::Arc, time::Instant};

use super::{outgoing::Outgoing, presence_hold::PresenceHold, publisher::Publisher};
use crate::{
    hub::{Hub, Presence},
    queue::{ChangeSender, PresenceChange},
};

/// Announces the presence changes of a server. One for each thread.
#[derive(Debug, Clone)]
pub struct Announcer {
    hub: Arc<Hub>,
    hold: Arc<PresenceHold>,
}

impl Announcer {
    pub(super) fn new(hub: Arc<Hub>, hold: Arc<PresenceHold>) -> Self {
        Self { hub, hold }
    }

    /// Announces the changes that are due, as fast as subscribers may be notified; `through` is the publisher of the
    /// calling thread. Does nothing while the changes are held, or while a shard is behind with its commands and the
    /// publisher may not wait: the changes are still due then.
    pub fn announce_due(&self, through: &mut Publisher) {
        // Without a change, which is nearly always, no thread reads the clock.
        let Some(due) = self.hub.directory.next_due() else { return };
        let now = Instant::now();
        if due > now || through.is_held_up() {
            return;
        }
        let consumer = self.hold.lock();
        if !self.hold.is_held() {
            let (changes, to_clients) = self.hub.directory.take_due(now);
            self.notify(&consumer, through, changes, to_clients);
        }
    }

    /// Calls `open`, which makes a connection known; no other thread announces meanwhile. So a join is never announced
    /// before the connection that caused it can be found.
    pub fn quietly<R>(&self, open: impl FnOnce() -> R) -> R {
        let _lock = self.hub.directory.is_announcing().then(|| self.hold.lock());
        open()
    }

    /// The time at which [`announce_due`](Self::announce_due) has changes to announce; `None` without a change, or
    /// while changes are held.
    pub fn next_due(&self) -> Option<Instant> {
        let due = self.hub.directory.next_due()?;
        (!self.hold.is_held()).then_some(due)
    }

    /// True if [`release`](Self::release) may have changes to announce. Called by the consumer's thread.
    #[inline]
    pub(super) fn is_busy(&self) -> bool {
        self.hold.is_held() || self.hub.directory.next_due().is_some()
    }

    /// Ends a hold and announces the changes that are due. Called by the consumer's thread, between two callbacks.
    pub(super) fn release(&self, through: &mut Publisher) {
        if self.hold.is_held() {
            self.hold.set(false);
        }
        self.announce_due(through);
    }

    /// Announces all changes, due or not: the server ends. Called by the consumer's thread.
    pub(super) fn announce_all(&self, through: &mut Publisher) {
        let consumer = self.hold.lock();
        self.hold.set(false);
        let (changes, to_clients) = self.hub.directory.take_all(None);
        self.notify(&consumer, through, changes, to_clients);
    }

    /// Announces the changes until now, holds those that follow, and returns the users of a topic. So a client that
    /// gets this list, and then the changes, knows the users exactly. Called by the consumer's thread.
    pub(super) fn presence(&self, through: &mut Publisher, topic: &str) -> Presence {
        let consumer = self.hold.lock();
        self.hold.set(self.hub.directory.is_announcing());
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
                // Fails only if the names are longer than the send budget; then subscribers are not notified.
                let _ =
                    through.publish(&change.topic, Outgoing::new(change.message().as_bytes(), false), &[]);
            }
            if let Some(consumer) = consumer.as_ref().filter(|_| to_consumer) {
                consumer.send(change);
            }
        }
    }
}
