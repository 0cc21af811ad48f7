//! The hold on presence changes, shared by all threads of a server.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use parking_lot::{Mutex, MutexGuard};

use crate::{hub::Hub, queue::ChangeSender};

/// Holds presence changes while a callback runs that has changed topics or got a list of users.
#[derive(Debug)]
pub(super) struct PresenceHold {
    hub: Arc<Hub>,
    /// Locked by the thread that notifies.
    consumer: Mutex<Option<ChangeSender>>,
    /// Written by the consumer's thread alone.
    held: AtomicBool,
}

impl PresenceHold {
    /// Makes a hold that is not set. `consumer` gets each change that is announced, if the consumer is interested.
    pub(super) fn new(hub: Arc<Hub>, consumer: Option<ChangeSender>) -> Self {
        Self { hub, consumer: Mutex::new(consumer), held: AtomicBool::new(false) }
    }

    /// Holds all changes until the consumer releases them. Called by the consumer's thread.
    pub(super) fn hold(&self) {
        if self.hub.directory.is_announcing() && !self.is_held() {
            // Locked, so that afterwards no other thread is in the middle of notifying.
            let _consumer = self.consumer.lock();
            self.set(true);
        }
    }

    /// Sets or ends the hold. Called by the consumer's thread.
    #[inline]
    pub(super) fn set(&self, held: bool) {
        self.held.store(held, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn is_held(&self) -> bool {
        self.held.load(Ordering::Relaxed)
    }

    /// Locks the right to notify. One thread at a time has it.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<ChangeSender>> {
        self.consumer.lock()
    }
}
