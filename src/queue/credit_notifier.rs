//! Tells a shard that credit came back, but only while it listens.
//!
//! The consumer writes down what it consumed, then rings; the shard listens, then looks at what was
//! consumed once more, then pauses a connection. Each has a sequentially consistent fence between,
//! so either the shard sees the credit or the consumer hears that somebody listens.

#[cfg(feature = "loom")]
use loom::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
#[cfg(not(feature = "loom"))]
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};

/// One for each shard.
#[derive(Debug, Default)]
pub struct CreditNotifier {
    listening: AtomicBool,
    rings: AtomicU32,
}

impl CreditNotifier {
    /// For the consumer, after it wrote down what it consumed. True if the shard listened: the
    /// caller then wakes it, should it rest.
    #[must_use]
    pub fn ring(&self) -> bool {
        fence(Ordering::SeqCst);
        if !self.listening.load(Ordering::Relaxed) {
            return false;
        }
        self.rings.fetch_add(1, Ordering::SeqCst);
        true
    }

    /// For the shard: whether one of its connections waits for credit. It must then look at that
    /// connection's credit once more.
    pub fn listen(&self, listening: bool) {
        self.listening.store(listening, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Whether the bell has rung since ring number `last`.
    pub fn has_rung(&self, last: u32) -> bool {
        self.rings.load(Ordering::SeqCst) != last
    }

    /// The same, and remembers it.
    pub fn heard(&self, last: &mut u32) -> bool {
        let rings = self.rings.load(Ordering::SeqCst);
        std::mem::replace(last, rings) != rings
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
            let bell = Arc::new(CreditNotifier::default());
            let consumed = Arc::new(AtomicU64::new(0));
            let consumer = {
                let (bell, consumed) = (bell.clone(), consumed.clone());
                thread::spawn(move || {
                    consumed.store(1, Ordering::Release);
                    bell.ring()
                })
            };
            bell.listen(true);
            let seen = consumed.load(Ordering::Acquire) == 1;
            let rang = consumer.join().unwrap();
            assert!(seen || rang, "paused for ever");
            assert_eq!(rang, bell.has_rung(0));
        });
    }
}
