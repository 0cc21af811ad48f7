//! The sleep state of one side of a queue, so that the other side wakes it exactly when it must.
//!
//! A consumer *announces* its rest, checks the queue again, then sleeps. A producer *pushes*, then checks the state and
//! wakes the consumer if it rests. Each puts a sequentially consistent fence between its write and its read, so at
//! least one of them sees the other: either the consumer finds the push, or the producer finds the rest. The loom
//! models below verify this.
//!
//! A parker neither sleeps nor wakes by itself: its users do that, with a descriptor or a waker.

#[cfg(feature = "loom")]
use loom::sync::atomic::{AtomicU8, Ordering, fence};
#[cfg(not(feature = "loom"))]
use std::sync::atomic::{AtomicU8, Ordering, fence};

/// The state of one side: awake, or a kind of [`Rest`].
#[derive(Debug)]
pub struct Parker {
    state: AtomicU8,
}

/// A kind of rest: it decides which pushes wake the side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// The side checks the queue by itself within a few milliseconds. The end of a batch wakes it; a push in the middle
    /// of a batch need not.
    Doze,
    /// The side sleeps until it is woken.
    Sleep,
    /// The producer itself does the side's work at the end of its batch, so the end of a batch does not wake the side;
    /// only work that cannot wait so long does.
    Lent,
}

impl Parker {
    /// Makes the state of a side that is awake.
    pub fn new() -> Self {
        Self { state: AtomicU8::new(AWAKE) }
    }

    /// Announces a rest. The caller must check the queue again before it sleeps.
    pub fn announce(&self, rest: Rest) {
        let state = match rest {
            Rest::Doze => DOZING,
            Rest::Sleep => ASLEEP,
            Rest::Lent => LENT,
        };
        self.state.store(state, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// Withdraws the announcement: the caller is awake.
    pub fn set_awake(&self) {
        self.state.store(AWAKE, Ordering::Relaxed);
    }

    /// True if this side is awake now. A hint: the state may change at once.
    pub fn is_awake(&self) -> bool {
        self.state.load(Ordering::Relaxed) == AWAKE
    }

    /// Returns true if the caller must wake this side, and marks it awake. The other side calls this after the last
    /// push of a batch. Several callers at once: one of them gets true.
    #[must_use]
    pub fn must_wake(&self) -> bool {
        fence(Ordering::SeqCst);
        let state = self.state.load(Ordering::Relaxed);
        state != AWAKE && state != LENT && self.state.swap(AWAKE, Ordering::Relaxed) != AWAKE
    }

    /// The same for a push that cannot wait for the end of a batch, from any thread: returns true also if the work is
    /// [lent](Rest::Lent).
    #[must_use]
    pub fn must_wake_now(&self) -> bool {
        fence(Ordering::SeqCst);
        self.state.load(Ordering::Relaxed) != AWAKE && self.state.swap(AWAKE, Ordering::Relaxed) != AWAKE
    }

    /// The same after the first push of a batch, with more to come: returns true only if this side sleeps, and so would
    /// not check the queue by itself.
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
        parker: Parker,
        pushed: AtomicUsize,
        descriptor: Mutex<bool>,
        readable: Condvar,
    }

    impl Side {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                parker: Parker::new(),
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
                if side.parker.must_wake() {
                    side.wake();
                }
            })
        }

        /// Takes until `all` pushes arrived. A lost wake makes this hang, which loom reports.
        fn consume(&self, all: usize, rest: Rest) {
            while self.pushed.load(Ordering::Acquire) < all {
                self.parker.announce(rest);
                if self.pushed.load(Ordering::Acquire) < all {
                    let mut descriptor = self.descriptor.lock().unwrap();
                    while !*descriptor {
                        descriptor = self.readable.wait(descriptor).unwrap();
                    }
                    *descriptor = false;
                }
                self.parker.set_awake();
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
                    if side.parker.must_wake_early() {
                        side.wake();
                    }
                    side.pushed.fetch_add(1, Ordering::Release);
                    if side.parker.must_wake() {
                        side.wake();
                    }
                })
            };
            side.consume(2, Rest::Doze);
            producer.join().unwrap();
        });
    }

    #[test]
    fn loom_a_secondary_producer_wakes_a_side_whose_work_is_lent() {
        loom::model(|| {
            let side = Side::new();
            let secondary = {
                let side = side.clone();
                thread::spawn(move || {
                    side.pushed.fetch_add(1, Ordering::Release);
                    side.parker.must_wake_now()
                })
            };
            side.parker.announce(Rest::Lent);
            let seen = side.pushed.load(Ordering::Acquire) == 1;
            assert!(secondary.join().unwrap() || seen, "it waits for the end of a batch");
        });
    }

    #[test]
    fn loom_only_one_producer_wakes() {
        loom::model(|| {
            let parker = Arc::new(Parker::new());
            parker.announce(Rest::Sleep);
            let other = {
                let parker = parker.clone();
                thread::spawn(move || parker.must_wake())
            };
            let mine = parker.must_wake();
            assert!(mine != other.join().unwrap());
        });
    }
}
