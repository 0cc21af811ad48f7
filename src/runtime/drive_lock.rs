//! Where a shard's ticks are taken, and how its thread and the consumer take them by ticks.
//!
//! A thread that sleeps costs more to wake than a message costs to echo, so a lone message that
//! crosses to PHP and back should not wake anybody. Therefore the consumer, while it waits for
//! events, takes the ticks of a single shard itself ([`super::inline_driver`]), and the shard's
//! thread only stands by. When the consumer goes about its callbacks nobody serves for a moment; if
//! that lasts longer than a sweep_interval or two, or the consumer says more than should wait, the thread
//! serves as if it always had, until the consumer has shown to be prompt again. So PHP may block,
//! and the network does not.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, OnceLock},
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::{Builder, Runtime};

use super::driver::{Driver, Next, Seen};
use crate::queue::Event;
use crate::shard::{Shard, Ticked};

/// One shard, and the lock that lets one thread at a time run its ticks.
pub(super) struct DriveLock {
    runtime: Runtime,
    /// Locked by the thread that runs ticks; empty once the shard has ended.
    shard: Mutex<Option<Shard>>,
    bell: Arc<Bell>,
}

/// The end of a stretch of ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch<T> {
    /// The driving thread had enough.
    Left(T),
    /// The shard has ended; the consumer is told by `Event::Stopped`.
    Ended,
}

/// Reaches the driving thread.
#[derive(Debug)]
struct Bell {
    duty: Driver,
    /// The shard's own thread.
    thread: OnceLock<Thread>,
    /// Ends the sleep of a stretch of ticks.
    ticks: OnceLock<Waker>,
}

impl DriveLock {
    /// A drive_lock with the shard that `make` makes, within the shard's runtime.
    pub(super) fn new(make: impl FnOnce() -> io::Result<Shard>) -> io::Result<Arc<Self>> {
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let context = runtime.enter();
        let shard = make()?;
        drop(context);
        let bell = Arc::new(Bell { duty: Driver::new(), thread: OnceLock::new(), ticks: OnceLock::new() });
        shard.port.commands.set_waker(Waker::from(bell.clone()));
        Ok(Arc::new(Self { runtime, shard: Mutex::new(Some(shard)), bell }))
    }

    /// The body of the shard's thread: serves when it is its duty, stands by when not. Returns when
    /// the shard has ended.
    pub(super) fn run(&self) {
        let _ = self.bell.thread.set(thread::current());
        let mut seen = Seen::default();
        loop {
            match self.duty().look(&mut seen) {
                Next::Serve => {
                    let mut shard = self.shard();
                    // The consumer may have asked for it, and got it, while the thread came here.
                    if !self.duty().is_threads() {
                        continue;
                    }
                    self.run_ticks(&mut shard, |shard, cx, turned| {
                        if !self.duty().is_threads() {
                            return Poll::Ready(());
                        }
                        match turned {
                            // epoll is looked at first, so that connections that become ready are treated fairly.
                            Ticked::More => cx.waker().wake_by_ref(),
                            Ticked::Idle => shard.rest(cx, false),
                        }
                        Poll::Pending
                    });
                }
                Next::Watch => thread::park_timeout(TICK),
                Next::Sleep => thread::park(),
                Next::End => return,
            }
        }
    }

    pub(super) fn duty(&self) -> &Driver {
        &self.bell.duty
    }

    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The shard, once nobody else takes its ticks.
    pub(super) fn shard(&self) -> MutexGuard<'_, Option<Shard>> {
        self.shard.lock()
    }

    /// Wakes the shard's thread from its standing by.
    pub(super) fn rouse(&self) {
        self.bell.rouse();
    }

    /// Has the driving thread look up.
    pub(super) fn ring(&self) {
        self.bell.wake_by_ref();
    }

    /// Takes a tick, looks at the sockets without waiting, and takes another.
    pub(super) fn look_once(&self, place: &mut Option<Shard>) -> Stretch<Ticked> {
        let mut looked = false;
        self.run_ticks(place, |_, cx, turned| {
            if std::mem::replace(&mut looked, true) {
                return Poll::Ready(turned);
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    /// Takes ticks, sleeping in epoll when there is nothing to do, until `after`, which is asked
    /// after each, has had enough. The end of the shard, or a panic that escapes a tick, is told to
    /// the consumer, so that it never waits for a dead shard.
    pub(super) fn run_ticks<T>(
        &self,
        place: &mut Option<Shard>,
        mut after: impl FnMut(&mut Shard, &mut Context<'_>, Ticked) -> Poll<T>,
    ) -> Stretch<T> {
        let Some(shard) = place else { return Stretch::Ended };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let ticks = std::future::poll_fn(|cx| {
                self.bell.ticks.get_or_init(|| cx.waker().clone());
                match shard.tick(cx) {
                    Some(turned) => after(shard, cx, turned).map(Stretch::Left),
                    None => Poll::Ready(Stretch::Ended),
                }
            });
            // One task, which bounds its own work: tokio's budget for many would only interrupt it.
            self.runtime.block_on(tokio::task::unconstrained(ticks))
        }));
        let panic = match outcome {
            Ok(Stretch::Left(left)) => return Stretch::Left(left),
            Ok(Stretch::Ended) => None,
            Err(panic) => Some(crate::shard::panic_message(&*panic)),
        };
        shard.port.events.push(Event::Stopped { shard: shard.index, panic });
        shard.port.events.flush();
        *place = None;
        self.duty().end();
        self.rouse();
        Stretch::Ended
    }
}

impl std::fmt::Debug for DriveLock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DriveLock").field("bell", &self.bell).finish_non_exhaustive()
    }
}

impl Bell {
    fn rouse(&self) {
        // Not set: the thread has not begun, and looks before it first waits.
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Has the shard look at its queue: by the driving thread or, if no thread drives, by the shard's own.
    fn wake_by_ref(self: &Arc<Self>) {
        if self.duty.call_thread() {
            return self.rouse();
        }
        // Not set: nobody has taken a tick yet, and the first looks at the queue.
        if let Some(ticks) = self.ticks.get() {
            ticks.wake_by_ref();
        }
    }
}

/// Interval at which the shard's thread looks in while it stands by. If callbacks take longer than two of these, the
/// thread serves the network.
const TICK: Duration = Duration::from_millis(2);
