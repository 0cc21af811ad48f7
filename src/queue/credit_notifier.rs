//! Notifications of returned credit, from the consumer to a shard that waits for credit.
//!
//! The consumer stores the bytes that it has consumed, then notifies. The shard marks itself blocked, reads the
//! consumed bytes again, then pauses a connection. Each has a sequentially consistent fence between its two steps, so
//! either the shard sees the credit or the consumer sees the mark. The loom model below verifies this.

#[cfg(feature = "loom")]
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
#[cfg(not(feature = "loom"))]
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

/// One for each shard.
#[derive(Debug, Default)]
pub struct CreditNotifier {
    /// True while a connection of the shard is blocked on credit.
    blocked: AtomicBool,
    /// The number of notifications.
    notified: AtomicU32,
}

impl CreditNotifier {
    /// Notifies the shard if it is blocked. Returns true if it is: the caller then wakes the shard, should it rest. The
    /// consumer calls this after it has stored the bytes that it has consumed.
    #[must_use]
    pub fn notify(&self) -> bool {
        fence(Ordering::SeqCst);
        if !self.blocked.load(Ordering::Relaxed) {
            return false;
        }
        self.notified.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// Marks the shard as blocked on credit, or no longer. After `true` the shard must read the consumed bytes again.
    pub fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// True if a notification has come since number `seen`.
    pub fn has_notified_since(&self, seen: u32) -> bool {
        self.notified.load(Ordering::SeqCst) != seen
    }

    /// Returns true if a notification has come since number `seen`, and updates `seen`.
    pub fn take(&self, seen: &mut u32) -> bool {
        let notified = self.notified.load(Ordering::SeqCst);
        std::mem::replace(seen, notified) != notified
    }
}

#[cfg(all(test, feature = "loom"))]
mod loom_models {
    use loom::{
        sync::{
            Arc,
            atomic::{AtomicU64, Ordering},
        },
        thread,
    };

    use super::*;

    #[test]
    fn loom_a_connection_never_waits_for_credit_that_came_back() {
        loom::model(|| {
            let notifier = Arc::new(CreditNotifier::default());
            let consumed = Arc::new(AtomicU64::new(0));
            let consumer = {
                let (notifier, consumed) = (notifier.clone(), consumed.clone());
                thread::spawn(move || {
                    consumed.store(1, Ordering::Release);
                    notifier.notify()
                })
            };
            notifier.set_blocked(true);
            let seen = consumed.load(Ordering::Acquire) == 1;
            let notified = consumer.join().unwrap();
            assert!(seen || notified, "paused for ever");
            assert_eq!(notified, notifier.has_notified_since(0));
        });
    }
}
