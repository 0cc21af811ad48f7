//! The consumer's part in serving: it takes a shard's ticks while it waits for events.

use std::{
    io,
    os::fd::OwnedFd,
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};

use parking_lot::MutexGuard;

use super::{
    drive_lock::{DriveLock, Stretch},
    pending_signals::{Beside, PendingSignals},
};
use crate::shard::{Shard, Ticked};
use crate::{
    port::{Driving, Waited},
    queue::Inbox,
};

/// Takes the ticks of a server's only shard for as long as the consumer waits.
///
/// Nothing of the consumer is called meanwhile. Only on Linux: elsewhere there is no way to sleep
/// for sockets and for signals at once that loses none.
#[derive(Debug)]
pub(super) struct InlineDriver {
    drive_lock: Arc<DriveLock>,
    signals: PendingSignals,
    /// Ends the consumer's sleep too.
    beside: Option<Beside>,
    /// Waits in a row, each soon after the last, in which the thread had the duty.
    prompt: u32,
    /// When the last wait was over.
    since: Instant,
    /// When the sockets were looked at last.
    looked: Instant,
    /// Since when the consumer has had events without a break.
    busy: Option<Instant>,
    /// Before this the thread keeps the duty.
    not_before: Instant,
    /// True if the shard's thread could run beside the consumer.
    parallel: bool,
}

impl InlineDriver {
    #[cfg(target_os = "linux")]
    pub(super) fn new(drive_lock: Arc<DriveLock>) -> io::Result<Self> {
        let signals = PendingSignals::new(drive_lock.runtime())?;
        let now = Instant::now();
        let parallel = std::thread::available_parallelism().is_ok_and(|processors| processors.get() > 1);
        Ok(Self {
            drive_lock,
            signals,
            beside: None,
            prompt: 0,
            since: now,
            looked: now,
            busy: None,
            not_before: now,
            parallel,
        })
    }

    /// Gives the duty to the thread, for a while.
    fn hand_over(&mut self, now: Instant) {
        self.not_before = now + HANDED_OVER;
        if self.drive_lock.duty().call_thread() {
            self.drive_lock.rouse();
        }
    }

    /// Goes about the consumer's own business.
    fn leave(&self, shard: MutexGuard<'_, Option<Shard>>) {
        let lent = shard.as_ref().is_none_or(|shard| shard.port.commands.lend());
        drop(shard);
        if self.drive_lock.duty().leave() {
            self.drive_lock.rouse();
        }
        if !lent && self.drive_lock.duty().call_thread() {
            self.drive_lock.rouse();
        }
    }

    /// After a while in which the consumer was always soon done, has the thread let go.
    fn ask_for_duty(&mut self) -> bool {
        let now = Instant::now();
        let prompt = now.duration_since(self.since) < PROMPT && now >= self.not_before;
        self.prompt = if prompt { self.prompt + 1 } else { 0 };
        if self.prompt < PROMPT_WAITS || !self.drive_lock.duty().ask() {
            return false;
        }
        self.prompt = 0;
        self.drive_lock.ring();
        drop(self.drive_lock.shard());
        self.drive_lock.duty().accept()
    }
}

impl Driving for InlineDriver {
    /// Serves until an event waits, `until` has come, or a signal. The caller has blocked all
    /// signals, and so loses none between its last look at them and this.
    fn wait(&mut self, inbox: &Inbox, until: Option<Instant>) -> Waited {
        self.busy = None;
        let now = Instant::now();
        if until.is_some_and(|until| until.saturating_duration_since(now) < PRECISE) {
            // epoll counts in milliseconds; the other sleep is exact.
            self.hand_over(now);
        }
        if !self.drive_lock.duty().take() && !self.ask_for_duty() {
            return Waited::NotAtAll;
        }
        let drive_lock = self.drive_lock.clone();
        let mut shard = drive_lock.shard();
        if let Some(shard) = &mut *shard {
            shard.ring_at(until);
        }
        // Waits that found events at once have not looked at the sockets.
        let mut look = now.duration_since(self.looked) > UNLOOKED;
        let mut looked = look;
        let stretch = drive_lock.run_ticks(&mut shard, |shard, cx, turned| {
            if std::mem::take(&mut look) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let due = || until.is_some_and(|until| Instant::now() >= until);
            if !inbox.is_empty() || due() {
                return Poll::Ready(Waited::Normally);
            }
            if self.signals.poll(cx).is_ready() {
                return Poll::Ready(Waited::ForSignal);
            }
            if self.beside.as_ref().is_some_and(|beside| beside.poll(cx).is_ready()) {
                return Poll::Ready(Waited::Normally);
            }
            match turned {
                Ticked::More => cx.waker().wake_by_ref(),
                Ticked::Idle => shard.rest(cx, true),
            }
            looked = true;
            Poll::Pending
        });
        if looked {
            self.looked = now;
        }
        self.leave(shard);
        match stretch {
            Stretch::Left(waited) => waited,
            Stretch::Ended => Waited::Normally,
        }
    }

    /// Between two batches of events: looks at the sockets once and runs one tick, so that PHP's messages leave and
    /// ready connections are served. Does nothing while the shard's thread drives.
    fn serve_once(&mut self) {
        if !self.drive_lock.duty().take() {
            return;
        }
        let now = Instant::now();
        let busy = now.duration_since(*self.busy.get_or_insert(now)) > BUSY;
        let mut shard = self.drive_lock.shard();
        self.drive_lock.look_once(&mut shard);
        self.leave(shard);
        if busy && self.parallel {
            // There is more to do than one thread can: now two are faster.
            self.hand_over(now);
        }
    }

    fn watch(&mut self, descriptor: OwnedFd) -> io::Result<()> {
        self.beside = Some(Beside::new(self.drive_lock.runtime(), descriptor)?);
        Ok(())
    }

    /// After a sleep that [`Waited::NotAtAll`] asked for.
    fn woke(&mut self) {
        self.since = Instant::now();
    }
}

/// A consumer that is back after less than this is prompt.
const PROMPT: Duration = Duration::from_millis(1);
/// So often in a row it must be to take the ticks again: a change of hands costs two wakes.
const PROMPT_WAITS: u32 = 16;
/// A consumer that has had no pause for so long is given the thread's help.
const BUSY: Duration = Duration::from_millis(10);
/// For so long the thread then keeps the duty.
const HANDED_OVER: Duration = Duration::from_secs(1);
/// For how long waits may find events without anybody looking at the sockets.
const UNLOOKED: Duration = Duration::from_millis(2);
/// A time that is nearer than this needs a better clock than epoll's.
const PRECISE: Duration = Duration::from_millis(2);
