//! The thread that drives a shard: its own, or the consumer's.
//!
//! The consumer drives while it has nothing else to do, and stops for each batch of its callbacks. The shard's own
//! thread stands by meanwhile and looks in now and then; if it finds the same batch twice, the callbacks take long,
//! and it drives until the consumer asks to drive again. It stops looking in once nothing happens any more, and the
//! consumer wakes it when something does.
//!
//! This file decides which thread drives; the lock in `drive_lock` ensures that it is only one at a time.

#[cfg(feature = "loom")]
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
#[cfg(not(feature = "loom"))]
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// The driving thread of one shard.
#[derive(Debug)]
pub(super) struct Driver {
    /// The driving thread, and above that the number of the consumer's batch.
    state: AtomicU64,
    /// The thread does not look in any more.
    dormant: AtomicBool,
}

/// The next step of the shard's thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It drives now.
    Serve,
    /// It looks in again after a while.
    Watch,
    /// Nothing happens: it sleeps until it is roused.
    Sleep,
    /// The shard has ended.
    End,
}

/// The state at the last look of the shard's thread.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Seen {
    state: u64,
    /// Number of looks in a row at which nothing had happened.
    quiet: u32,
}

impl Driver {
    /// The thread's, at first.
    pub(super) fn new() -> Self {
        Self { state: AtomicU64::new(THREAD), dormant: AtomicBool::new(false) }
    }

    /// The consumer's part, after a batch: begins to drive. False if the thread drives.
    pub(super) fn take(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        state & WHO == NOBODY
            && self
                .state
                .compare_exchange(state, state & !WHO | CONSUMER, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The consumer's part: stops driving for a batch. True if the thread must be roused, which
    /// then looks in.
    #[must_use]
    pub(super) fn leave(&self) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        if state & WHO == CONSUMER {
            self.state.store((state & !WHO | NOBODY) + BATCH, Ordering::Relaxed);
        }
        fence(Ordering::SeqCst);
        self.dormant.load(Ordering::Relaxed) && self.dormant.swap(false, Ordering::Relaxed)
    }

    /// The consumer's part: asks the thread to stop driving. False if the thread does not drive.
    pub(super) fn ask(&self) -> bool {
        self.state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                (state & WHO == THREAD).then_some(state & !WHO | ASKED)
            })
            .is_ok()
    }

    /// The consumer's part: it drives from now on, as it asked. False if the shard has ended.
    pub(super) fn accept(&self) -> bool {
        self.state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                (state & WHO == ASKED).then_some(state & !WHO | CONSUMER)
            })
            .is_ok()
    }

    /// Has the thread drive if nobody does. True: the caller must rouse the thread.
    #[must_use]
    pub(super) fn call_thread(&self) -> bool {
        self.state
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |state| {
                (state & WHO == NOBODY).then_some(state & !WHO | THREAD)
            })
            .is_ok()
    }

    /// There are no ticks any more. The caller rouses the thread if it is not the thread.
    pub(super) fn end(&self) {
        self.state.fetch_or(OVER, Ordering::Relaxed);
    }

    /// The thread's part: true if it drives, and the consumer has not asked to.
    pub(super) fn is_threads(&self) -> bool {
        self.state.load(Ordering::Relaxed) & WHO == THREAD
    }

    /// The thread's part: looks in.
    pub(super) fn look(&self, seen: &mut Seen) -> Next {
        let state = self.state.load(Ordering::Relaxed);
        let same = std::mem::replace(&mut seen.state, state) == state;
        match state & WHO {
            OVER.. => Next::End,
            THREAD => Next::Serve,
            // The same batch as last time: its callbacks take long. If it is over just now, the
            // consumer drives.
            NOBODY if same && self.call_thread() => Next::Serve,
            _ if !same => {
                seen.quiet = 0;
                Next::Watch
            }
            _ => {
                seen.quiet += 1;
                if seen.quiet < QUIET {
                    return Next::Watch;
                }
                seen.quiet = 0;
                self.dormant.store(true, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                if self.state.load(Ordering::Relaxed) == state {
                    return Next::Sleep;
                }
                self.dormant.store(false, Ordering::Relaxed);
                Next::Watch
            }
        }
    }
}

const WHO: u64 = 7;
const THREAD: u64 = 0;
/// The consumer takes the ticks.
const CONSUMER: u64 = 1;
/// The consumer is in its callbacks.
const NOBODY: u64 = 2;
/// The consumer waits for the thread to let go.
const ASKED: u64 = 3;
/// A bit of its own: it can be added to any state.
const OVER: u64 = 4;
const BATCH: u64 = 8;
/// Looks without news before the thread sleeps.
const QUIET: u32 = 2;

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn the_thread_takes_over_from_a_batch_that_it_finds_twice() {
        let (driver, mut seen) = (Driver::new(), Seen::default());
        assert!(driver.look(&mut seen) == Next::Serve && !driver.take());
        assert!(driver.is_threads() && driver.ask() && !driver.is_threads() && driver.accept());
        assert_eq!(driver.look(&mut seen), Next::Watch);
        for _ in 0..3 {
            assert!(!driver.leave());
            assert_eq!(driver.look(&mut seen), Next::Watch, "another batch each time");
            assert!(driver.take());
        }
        assert!(!driver.leave());
        assert_eq!(driver.look(&mut seen), Next::Watch);
        assert_eq!(driver.look(&mut seen), Next::Serve);
        assert!(!driver.take() && !driver.call_thread());
    }

    #[test]
    fn the_thread_sleeps_when_nothing_happens_and_is_roused_by_the_next_batch() {
        let (driver, mut seen) = (Driver::new(), Seen::default());
        assert!(driver.ask() && driver.accept());
        assert_eq!([(); 3].map(|()| driver.look(&mut seen)), [Next::Watch, Next::Watch, Next::Sleep]);
        assert!(driver.leave());
        assert_eq!(driver.look(&mut seen), Next::Watch);
        assert!(driver.take() && !driver.leave(), "it is awake");
    }

    #[test]
    fn a_call_in_the_middle_of_a_batch_gives_the_thread_the_duty() {
        let (driver, mut seen) = (Driver::new(), Seen::default());
        assert!(driver.ask() && driver.accept());
        assert!(!driver.call_thread(), "the consumer is at it");
        assert!(!driver.leave() && driver.call_thread());
        assert_eq!(driver.look(&mut seen), Next::Serve);
        driver.end();
        assert!(!driver.take() && !driver.ask() && driver.look(&mut seen) == Next::End);
    }
}

#[cfg(all(test, feature = "loom"))]
mod loom_models {
    use loom::{
        sync::{Arc, Condvar, Mutex},
        thread,
    };

    use super::*;

    /// A driver, and the condition that a parked thread waits for.
    struct Post {
        driver: Driver,
        token: Mutex<bool>,
        roused: Condvar,
    }

    impl Post {
        fn rouse(&self) {
            *self.token.lock().unwrap() = true;
            self.roused.notify_one();
        }

        /// Looks in until it is to serve or to end; hangs, and loom says so, if it sleeps for ever.
        fn stand_by(&self) -> Next {
            let mut seen = Seen::default();
            loop {
                match self.driver.look(&mut seen) {
                    Next::Watch => thread::yield_now(),
                    Next::Sleep => {
                        let mut token = self.token.lock().unwrap();
                        while !*token {
                            token = self.roused.wait(token).unwrap();
                        }
                        *token = false;
                    }
                    next => return next,
                }
            }
        }
    }

    #[test]
    fn loom_a_batch_that_takes_long_is_always_noticed_and_one_side_serves() {
        loom::model(|| {
            let post = Arc::new(Post {
                driver: Driver { state: AtomicU64::new(CONSUMER), dormant: AtomicBool::new(false) },
                token: Mutex::new(false),
                roused: Condvar::new(),
            });
            let standby = {
                let post = post.clone();
                thread::spawn(move || post.stand_by())
            };
            let mut mine = true;
            if post.driver.leave() {
                post.rouse();
            }
            mine &= post.driver.take();
            if mine && post.driver.leave() {
                post.rouse();
            }
            // The batch does not end: the thread must come to serve, by itself.
            assert_eq!(standby.join().unwrap(), Next::Serve);
            assert!(!post.driver.take());
        });
    }
}
