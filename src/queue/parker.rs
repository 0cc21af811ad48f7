//! Whether one side of a queue sleeps, so that the other wakes it exactly when it must.
//!
//! The sleeper *announces* its rest, then looks at the queue once more, then sleeps. The producer
//! *pushes*, then asks whether it must wake. Both put a sequentially consistent fence between their
//! write and their read, so at least one of them sees the other: either the sleeper finds the push
//! or the producer finds the rest. The loom models below hold this.

#[cfg(feature = "loom")]
use loom::sync::atomic::{AtomicU8, Ordering, fence};
#[cfg(not(feature = "loom"))]
use std::sync::atomic::{AtomicU8, Ordering, fence};

/// The state of one side: awake, or in which rest.
#[derive(Debug)]
pub struct Parker {
    state: AtomicU8,
}

/// How deep a side rests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It looks at the queue by itself within a few milliseconds: who pushes in the middle of a
    /// batch need not wake it, who ends a batch does.
    Doze,
    /// It sleeps until it is woken.
    Sleep,
    /// The producer itself will do its work at the end of the batch: it wants no wake then, only one
    /// that cannot wait so long.
    Lent,
}

impl Parker {
    /// A side that is awake.
    pub fn new() -> Self {
        Self { state: AtomicU8::new(AWAKE) }
    }

    /// Announces a rest. The caller must then look at the queue once more before it sleeps.
    pub fn announce(&self, rest: Rest) {
        let state = match rest {
            Rest::Doze => DOZING,
            Rest::Sleep => ASLEEP,
            Rest::Lent => LENT,
        };
        self.state.store(state, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Takes the announcement back: the caller is awake, for whatever reason.
    pub fn rise(&self) {
        self.state.store(AWAKE, Ordering::Relaxed);
    }

    /// Whether this side is awake just now; a hint, for it may change at once.
    pub fn is_awake(&self) -> bool {
        self.state.load(Ordering::Relaxed) == AWAKE
    }

    /// For the other side, after the last push of a batch: whether the caller must wake this one.
    /// True for one caller only.
    #[must_use]
    pub fn must_wake(&self) -> bool {
        fence(Ordering::SeqCst);
        let state = self.state.load(Ordering::Relaxed);
        state != AWAKE && state != LENT && self.state.swap(AWAKE, Ordering::Relaxed) != AWAKE
    }

    /// For the other side, in the middle of a batch or from anywhere, for what cannot wait: whether
    /// the caller must wake this one.
    #[must_use]
    pub fn must_wake_now(&self) -> bool {
        fence(Ordering::SeqCst);
        self.state.load(Ordering::Relaxed) != AWAKE && self.state.swap(AWAKE, Ordering::Relaxed) != AWAKE
    }

    /// For the other side, after a push with more to come: whether to wake this one already,
    /// because it would not look by itself.
    #[must_use]
    pub fn must_wake_early(&self) -> bool {
        fence(Ordering::SeqCst);
        self.state.load(Ordering::Relaxed) == ASLEEP && self.state.swap(AWAKE, Ordering::Relaxed) != AWAKE
    }
}

impl Default for Parker {
    fn default() -> Self {
        Self::new()
    }
}

const AWAKE: u8 = 0;
const DOZING: u8 = 1;
const ASLEEP: u8 = 2;
const LENT: u8 = 3;

#[cfg(all(test, feature = "loom"))]
mod loom_models {
    use loom::{
        sync::{
            Arc, Condvar, Mutex,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use super::*;

    /// A queue that only counts, and an event descriptor.
    struct Side {
        sleeper: Parker,
        pushed: AtomicUsize,
        descriptor: Mutex<bool>,
        readable: Condvar,
    }

    impl Side {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                sleeper: Parker::new(),
                pushed: AtomicUsize::new(0),
                descriptor: Mutex::new(false),
                readable: Condvar::new(),
            })
        }

        fn wake(&self) {
            *self.descriptor.lock().unwrap() = true;
            self.readable.notify_one();
        }

        /// A thread that pushes once.
        fn producer(side: &Arc<Self>) -> thread::JoinHandle<()> {
            let side = side.clone();
            thread::spawn(move || {
                side.pushed.fetch_add(1, Ordering::Release);
                if side.sleeper.must_wake() {
                    side.wake();
                }
            })
        }

        /// Takes until `all` are there; hangs, and loom says so, if a wake is lost.
        fn consume(&self, all: usize, rest: Rest) {
            while self.pushed.load(Ordering::Acquire) < all {
                self.sleeper.announce(rest);
                if self.pushed.load(Ordering::Acquire) < all {
                    let mut descriptor = self.descriptor.lock().unwrap();
                    while !*descriptor {
                        descriptor = self.readable.wait(descriptor).unwrap();
                    }
                    *descriptor = false;
                }
                self.sleeper.rise();
            }
        }
    }

    #[test]
    fn loom_no_wake_is_lost_between_a_push_and_a_sleep() {
        loom::model(|| {
            let side = Side::new();
            let producer = Side::producer(&side);
            side.consume(1, Rest::Sleep);
            producer.join().unwrap();
        });
    }

    #[test]
    fn loom_no_wake_is_lost_with_two_producers() {
        loom::model(|| {
            let side = Side::new();
            let producers = [Side::producer(&side), Side::producer(&side)];
            side.consume(2, Rest::Sleep);
            for producer in producers {
                producer.join().unwrap();
            }
        });
    }

    #[test]
    fn loom_a_batch_wakes_a_dozing_side_at_its_end() {
        loom::model(|| {
            let side = Side::new();
            let producer = {
                let side = side.clone();
                thread::spawn(move || {
                    side.pushed.fetch_add(1, Ordering::Release);
                    if side.sleeper.must_wake_early() {
                        side.wake();
                    }
                    side.pushed.fetch_add(1, Ordering::Release);
                    if side.sleeper.must_wake() {
                        side.wake();
                    }
                })
            };
            side.consume(2, Rest::Doze);
            producer.join().unwrap();
        });
    }

    #[test]
    fn loom_who_is_beside_the_consumer_is_heard_also_while_the_work_is_lent() {
        loom::model(|| {
            let side = Side::new();
            let beside = {
                let side = side.clone();
                thread::spawn(move || {
                    side.pushed.fetch_add(1, Ordering::Release);
                    side.sleeper.must_wake_now()
                })
            };
            side.sleeper.announce(Rest::Lent);
            let seen = side.pushed.load(Ordering::Acquire) == 1;
            assert!(beside.join().unwrap() || seen, "it waits for the end of a batch");
        });
    }

    #[test]
    fn loom_only_one_producer_wakes() {
        loom::model(|| {
            let sleeper = Arc::new(Parker::new());
            sleeper.announce(Rest::Sleep);
            let other = {
                let sleeper = sleeper.clone();
                thread::spawn(move || sleeper.must_wake())
            };
            let mine = sleeper.must_wake();
            assert!(mine != other.join().unwrap());
        });
    }
}
