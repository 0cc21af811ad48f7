//! One run of a server, from binding to the last thread's end.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    rc::Rc,
    time::{Duration, Instant},
};

use ext_php_rs::types::Zval;
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags},
    sys::time::TimeSpec,
};

use super::{
    fork,
    roster::Roster,
    rules::Rules,
    signals::{Guard, Mask},
    stream,
    timers::Timers,
    voice::Voice,
};
use crate::{
    config::ConfigError,
    hub::{Hub, PresenceChange},
    queue::{Event, Inbox},
    runtime::{self, Notifier, Steering, Waited},
};

/// What a run owns. Callbacks enter it again, so everything is behind cells, and nothing is borrowed
/// while PHP runs.
#[derive(Debug)]
pub(super) struct Session {
    birth: fork::Process,
    runtime: RefCell<Option<runtime::Server>>,
    inbox: RefCell<Inbox>,
    /// Serves the network while PHP waits, if `run()` owns the loop.
    steering: RefCell<Option<Steering>>,
    /// Tells systemd, if that started this process.
    notifier: RefCell<Option<Notifier>>,
    pub(super) voice: Rc<Voice>,
    pub(super) hub: std::sync::Arc<Hub>,
    pub(super) roster: Roster,
    /// Events that had to wait for a callback of their connection that was suspended in its Fiber; they
    /// come before what the inbox has.
    pub(super) pending: RefCell<VecDeque<Event>>,
    /// Who came and went, as clients were told; the script is to hear of it.
    pub(super) news: RefCell<VecDeque<PresenceChange>>,
    /// Whether it was said that standard output is gone.
    pub(super) is_output_lost: Cell<bool>,
    /// When a client's refused message was logged last.
    pub(super) refusal_logged: Cell<Option<Instant>>,
    /// Whether `run()` owns the loop.
    pub(super) is_run: bool,
    /// Whether `onStart` has not returned yet.
    pub(super) is_starting: Cell<bool>,
    /// The Fibers in which a loop of this run is active, outermost first; 0 outside of all Fibers.
    pub(super) loops: RefCell<Vec<usize>>,
    addresses: Vec<String>,
    /// The most connections at once.
    pub(super) ceiling: usize,
    shards: usize,
    stopped: Cell<usize>,
    pub(super) panic: RefCell<Option<String>>,
    end: Cell<End>,
    /// Takes signals for the time of the run, if `run()` owns the loop.
    signals: RefCell<Option<Guard>>,
    stopping: Cell<Option<Stopping>>,
    stream: RefCell<Option<Zval>>,
    alarm: Cell<Option<Instant>>,
}

/// How far the end of a run has come. Loops of several Fibers may come to it, perhaps when the server runs anew: the
/// first ends the run, and the others just return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    Begun,
    Done,
}

/// A stop that was ordered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopping {
    pub(super) since: Instant,
    /// When the shards must have ended; a little later they are ended.
    pub(super) deadline: Instant,
    /// Connections that were open.
    pub(super) connections: usize,
}

/// Why a sleep ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woken {
    /// By an event, or by the time.
    Normally,
    /// By a signal.
    BySignal,
}

impl Session {
    /// Takes over a server that has just started.
    pub(super) fn new(mut runtime: runtime::Server, rules: &Rc<Rules>, is_run: bool) -> Option<Self> {
        let handle = runtime.take_handle()?;
        let inbox = runtime.take_inbox()?;
        let steering = runtime.take_steering().filter(|_| is_run);
        Some(Self {
            birth: fork::Process::current(),
            voice: Rc::new(Voice::new(handle, rules)),
            hub: runtime.hub().clone(),
            addresses: runtime.addresses().to_vec(),
            ceiling: runtime.ceiling(),
            shards: runtime.shards(),
            runtime: RefCell::new(Some(runtime)),
            inbox: RefCell::new(inbox),
            steering: RefCell::new(steering),
            notifier: RefCell::new(Notifier::from_environment()),
            roster: Roster::default(),
            pending: RefCell::default(),
            news: RefCell::default(),
            is_output_lost: Cell::default(),
            refusal_logged: Cell::default(),
            is_run,
            is_starting: Cell::new(true),
            loops: RefCell::default(),
            stopped: Cell::new(0),
            panic: RefCell::default(),
            end: Cell::new(End::NotYet),
            signals: RefCell::default(),
            stopping: Cell::new(None),
            stream: RefCell::default(),
            alarm: Cell::new(None),
        })
    }

    pub(super) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Reads the certificates again, if there are any.
    pub(super) fn reload_tls(&self) -> Result<(), ConfigError> {
        let certificates = self.runtime.borrow().as_ref().and_then(|runtime| runtime.certificates().cloned());
        certificates.map_or(Ok(()), |certificates| certificates.reload())
    }

    /// The next event to deal with.
    pub(super) fn next_event(&self) -> Option<Event> {
        if let Some(event) = self.pending.borrow_mut().pop_front() {
            return Some(event);
        }
        self.inbox.borrow_mut().pop()
    }

    /// Puts events of a connection that were held back in front of what else waits.
    pub(super) fn put_back(&self, mut held: VecDeque<Event>) {
        if self.has_ended() {
            return;
        }
        let mut pending = self.pending.borrow_mut();
        while let Some(event) = held.pop_back() {
            pending.push_front(event);
        }
    }

    /// Tells systemd, if it wants to hear.
    pub(super) fn notify(&self, tell: impl FnOnce(&mut Notifier, usize)) {
        if let Some(notifier) = &mut *self.notifier.borrow_mut() {
            tell(notifier, self.hub.open_connections());
        }
    }

    /// When [`Notifier::turn`] has something to say, or there is to tell who came and went.
    pub(super) fn next_notice(&self) -> Option<Instant> {
        let notice = self.notifier.borrow().as_ref().and_then(Notifier::due);
        [notice, self.hub.directory.next_news()].into_iter().flatten().min()
    }

    /// Takes the signals that the script has not taken, until the run ends.
    pub(super) fn take_signals(&self) {
        self.signals.replace(Some(Guard::install()));
    }

    /// How many signals have come since the last time it was asked.
    pub(super) fn signals_arrived(&self) -> usize {
        self.signals.borrow_mut().as_mut().map_or(0, Guard::arrived)
    }

    /// Whether a signal has come that nobody has asked about.
    pub(super) fn is_signalled(&self) -> bool {
        self.signals.borrow().as_ref().is_some_and(Guard::is_pending)
    }

    pub(super) fn restore_signals(&self) {
        drop(self.signals.take());
    }

    /// Orders the end. A second order can only hasten it.
    pub(super) fn order_stop(&self, grace: Duration) {
        let now = Instant::now();
        let deadline = now + grace;
        let stopping = match self.stopping.get() {
            Some(stopping) if stopping.deadline <= deadline => return,
            Some(stopping) => Stopping { deadline, ..stopping },
            None => Stopping { since: now, deadline, connections: self.hub.open_connections() },
        };
        self.stopping.set(Some(stopping));
        self.voice.speak(|handle| handle.stop(grace));
    }

    pub(super) fn stopping(&self) -> Option<Stopping> {
        self.stopping.get()
    }

    /// A shard's thread has ended.
    pub(super) fn shard_stopped(&self, panic: Option<String>) {
        self.stopped.set(self.stopped.get() + 1);
        if let Some(panic) = panic {
            self.panic.replace(Some(panic));
            // The others must not serve on behind a loop that is about to end.
            self.order_stop(PANIC_GRACE);
        }
    }

    /// Whether no event can come any more: every shard has ended, or has had all the time it was given.
    pub(super) fn is_over(&self) -> bool {
        self.has_ended() || self.are_shards_over()
    }

    fn are_shards_over(&self) -> bool {
        let ended = self.stopped.get() >= self.shards;
        let overdue =
            self.stopping.get().is_some_and(|stopping| Instant::now() >= stopping.deadline + OVERTIME);
        (ended && self.pending.borrow().is_empty()) || overdue
    }

    /// Whether something can be done without sleeping.
    pub(super) fn has_events(&self) -> bool {
        !self.pending.borrow().is_empty() || !self.inbox.borrow().is_empty()
    }

    /// Sleeps until an event comes, the time has come, or a signal. All signals are blocked when it is
    /// called, and `mask` says which are not during the sleep: so none is lost before it.
    pub(super) fn sleep(&self, until: Option<Instant>, mask: Mask) -> Woken {
        let until = match (until, self.stopping.get().map(|stopping| stopping.deadline + OVERTIME)) {
            (Some(until), Some(overtime)) => Some(until.min(overtime)),
            (until, overtime) => until.or(overtime),
        };
        if self.is_foreign() || !self.pending.borrow().is_empty() {
            return Woken::Normally;
        }
        let inbox = self.inbox.borrow();
        let mut steering = self.steering.borrow_mut();
        match steering.as_mut().map(|steering| steering.wait(&inbox, until)) {
            Some(Waited::Normally) => return Woken::Normally,
            Some(Waited::ForSignal) => return Woken::BySignal,
            Some(Waited::NotAtAll) | None => {}
        }
        let woken = Self::sleep_beside(&inbox, until, mask);
        if let Some(steering) = &mut *steering {
            steering.woke();
        }
        woken
    }

    /// Sleeps while the shards' threads serve.
    fn sleep_beside(inbox: &Inbox, until: Option<Instant>, mask: Mask) -> Woken {
        if !inbox.prepare_sleep() {
            return Woken::Normally;
        }
        let timeout = until.map(|until| TimeSpec::from(until.saturating_duration_since(Instant::now())));
        let mut fds = [PollFd::new(inbox.fd(), PollFlags::POLLIN)];
        let result = nix::poll::ppoll(&mut fds, timeout, Some(mask.set()));
        inbox.awake();
        if matches!(result, Ok(count) if count > 0) {
            inbox.clear();
        }
        if result == Err(Errno::EINTR) { Woken::BySignal } else { Woken::Normally }
    }

    /// With events left for the next batch: serves the network once, if nobody else does.
    pub(super) fn take_turn(&self) {
        if self.is_foreign() {
            return;
        }
        if let Some(steering) = &mut *self.steering.borrow_mut() {
            steering.take_turn();
        }
    }

    /// The stream that is readable when there is something to do; made when first asked for, and when the script has
    /// closed the one before.
    pub(super) fn stream(&self, timers: &Timers) -> io::Result<Option<Zval>> {
        if let Some(stream) = &*self.stream.borrow()
            && stream::is_open(stream)
        {
            return Ok(Some(stream.shallow_clone()));
        }
        let watch = self.inbox.borrow().watch()?;
        let Some(stream) = stream::of(watch)? else { return Ok(None) };
        let given = stream.shallow_clone();
        let closed = self.stream.replace(Some(stream));
        drop(closed);
        self.rest(timers);
        Ok(Some(given))
    }

    /// Before a poll, if an event loop waits on the stream: makes it unreadable.
    pub(super) fn rise(&self) {
        if self.stream.borrow().is_some() {
            let inbox = self.inbox.borrow();
            inbox.awake();
            inbox.clear();
        }
    }

    /// After a poll, if an event loop waits on the stream: makes it readable if there is something to
    /// do, and has it made so when there will be.
    pub(super) fn rest(&self, timers: &Timers) {
        if self.stream.borrow().is_none() {
            return;
        }
        let now = Instant::now();
        let overtime = self.stopping.get().map(|stopping| stopping.deadline + OVERTIME);
        let due = [timers.next_due(), overtime, self.next_notice()].into_iter().flatten().min();
        let inbox = self.inbox.borrow();
        inbox.awake();
        inbox.clear();
        let ready = !self.pending.borrow().is_empty() || due.is_some_and(|due| due <= now) || self.is_over();
        if ready || !inbox.prepare_sleep() {
            inbox.waker().wake();
            return;
        }
        if let Some(due) = due
            && self.alarm.replace(Some(due)) != Some(due)
        {
            self.voice.speak(|handle| handle.alarm(due - now));
        }
    }

    /// Ends the run without another callback: clients get a close frame, threads are joined.
    pub(super) fn abort(&self) {
        self.order_abort();
        self.await_abort();
    }

    /// The first half of it, which waits for nobody.
    pub(super) fn order_abort(&self) {
        if self.runtime.borrow().is_some() {
            self.voice.speak(|handle| handle.end_batch());
            self.order_stop(ABORT_GRACE);
        }
    }

    /// The other half.
    pub(super) fn await_abort(&self) {
        if self.runtime.borrow().is_some() {
            let mask = Mask::block_all();
            while !self.are_shards_over() {
                while let Some(event) = self.next_event() {
                    if let Event::Stopped { panic, .. } = event {
                        self.shard_stopped(panic);
                    }
                }
                if !self.are_shards_over() {
                    // With every signal blocked: nothing may cut this short, and it is short.
                    self.sleep(None, Mask::block_all());
                }
            }
            mask.restore();
        }
        self.end();
    }

    /// Joins the threads and lets go of everything.
    pub(super) fn end(&self) {
        // Its end joins the threads; what they say last is still in the inbox.
        drop(self.runtime.take());
    }

    /// Begins the orderly end. False if another loop has: then that one does the work.
    pub(super) fn begin_end(&self) -> bool {
        self.end.get() == End::NotYet && {
            self.end.set(End::Begun);
            true
        }
    }

    /// Whether nothing is left of the run.
    pub(super) fn has_ended(&self) -> bool {
        self.end.get() == End::Done
    }

    /// The end is done: gives every PHP value that was held, which is to be released by whoever knows what to do with
    /// the exceptions of that.
    #[must_use]
    pub(super) fn release(&self) -> Vec<Zval> {
        self.end.set(End::Done);
        self.pending.borrow_mut().clear();
        self.news.borrow_mut().clear();
        drop(self.notifier.take());
        self.restore_signals();
        let mut held = self.voice.silence();
        held.append(&mut self.roster.clear());
        held.extend(self.stream.take());
        held
    }

    /// Whether this is a forked child of the process that the threads are in.
    pub(super) fn is_foreign(&self) -> bool {
        self.birth != fork::Process::current()
    }

    /// For the cycle collector.
    pub(super) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        self.roster.trace(found);
        if let Ok(waiting) = self.voice.waiting.try_borrow() {
            waiting.values().for_each(|request| request.trace(found));
        }
        if let Ok(stream) = self.stream.try_borrow() {
            stream.iter().for_each(found);
        }
    }
}

/// Events dealt with in one turn. More would keep timers and signals waiting, fewer would wake shards more often.
pub(super) const BATCH: usize = 256;
/// What a shard may take longer than its grace before it is ended.
const OVERTIME: Duration = Duration::from_secs(1);
/// What clients get for their close frame when the script dies.
const ABORT_GRACE: Duration = Duration::from_millis(500);
const PANIC_GRACE: Duration = Duration::from_secs(1);
