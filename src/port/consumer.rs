//! The consumer: the application's end of a server. It takes the events, waits for them, and orders the stop.
//!
//! A consumer does not handle events; its caller does, and each event's receipt settles the event's costs. The inbox is
//! bounded by credit: shards stop reading from clients while the consumer is behind. After a stop was ordered, the
//! consumer takes events until every shard has ended, or until the grace and an overtime are over.

use std::{
    cell::{Cell, RefCell},
    io,
    os::fd::OwnedFd,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::signal::SigSet;

use super::{
    Announcer, Publisher,
    delivery::{Connected, Connections, Delivery, Ledger, Receipt},
};
use crate::{
    hub::{Announced, Hub, Interests, Presence},
    queue::{Command, CreditSender, Event, Inbox, LogLevel, LogRecord, PresenceChange, Waker},
};

/// Takes the events of all shards of one server, on one thread. `T` is the consumer's own data for each connection.
///
/// Events of one connection come in the order in which they happened; between connections there is no order. Each
/// event comes with a [`Receipt`], whose drop returns the event's credit. When the inbox is empty the consumer
/// [waits](Self::wait), and may drive the server's shard meanwhile ([`Driving`]).
#[derive(Debug)]
pub struct Consumer<T> {
    inbox: Inbox,
    driving: Option<Box<dyn Driving>>,
    publisher: Rc<RefCell<Publisher>>,
    announcer: Announcer,
    hub: Arc<Hub>,
    ledger: Rc<Ledger<T>>,
    /// The next presence change, if its connection has not been seen open yet.
    deferred_change: Option<PresenceChange>,
    shards: usize,
    stopped: usize,
    stopping: Option<Stopping>,
    alarm: Option<Instant>,
    /// A descriptor that ends a wait too when it becomes readable.
    beside: Option<OwnedFd>,
    /// True while presence changes stay held between events.
    keeps_hold: Cell<bool>,
}

/// The parts of a [`Consumer`], which may be sent to the consumer's thread.
#[derive(Debug)]
pub struct ConsumerParts {
    pub(super) inbox: Inbox,
    pub(super) publisher: Publisher,
    pub(super) announcer: Announcer,
    pub(super) credit: Vec<CreditSender>,
    /// Drives the server's shard while the consumer waits, if the consumer may do that.
    pub driving: Option<Box<dyn Driving>>,
}

/// Drives a shard on the consumer's thread. The consumer's callbacks are not called meanwhile.
pub trait Driving: std::fmt::Debug + Send {
    /// Serves until an event waits, `until` has come, or a signal is pending that the calling thread blocks.
    fn wait(&mut self, inbox: &Inbox, until: Option<Instant>) -> Waited;

    /// Between two batches of events: serves once, if the shard's own thread does not.
    fn serve_once(&mut self);

    /// Lets a wait end when the descriptor becomes readable too.
    fn watch(&mut self, descriptor: OwnedFd) -> io::Result<()>;

    /// The consumer woke from a sleep that [`Waited::NotAtAll`] asked for.
    fn woke(&mut self);
}

/// The reason for the end of a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// An event waits, or the time has come.
    Normally,
    /// A signal is pending, or was handled.
    ForSignal,
    /// It did not begin: the shard's own thread serves, and the consumer sleeps.
    NotAtAll,
}

/// A stop that was ordered.
#[derive(Debug, Clone, Copy)]
pub struct Stopping {
    /// The time of the first order.
    pub since: Instant,
    /// The time at which the shards must have ended.
    pub deadline: Instant,
    /// Connections that were open at the first order.
    pub connections: usize,
}

impl Stopping {
    /// The record that tells the operator of the end, which is now.
    pub fn record(&self) -> LogRecord {
        let (connections, took) = (self.connections, self.since.elapsed().as_secs_f64());
        let context = [("connections", connections.to_string()), ("seconds", format!("{took:.3}"))];
        LogRecord {
            level: LogLevel::Info,
            message: format!("stopped: {connections} connections drained in {took:.1} s"),
            context: context.map(|(key, value)| (key.to_owned(), value)).into(),
        }
    }
}

impl ConsumerParts {
    /// Makes the consumer, on its thread.
    pub fn assemble<T: Default>(self) -> Consumer<T> {
        let hub = self.publisher.hub().clone();
        Consumer {
            shards: hub.counters.len(),
            ledger: Rc::new(Ledger::new(hub.clone(), self.credit)),
            hub,
            inbox: self.inbox,
            driving: self.driving,
            publisher: Rc::new(RefCell::new(self.publisher)),
            announcer: self.announcer,
            deferred_change: None,
            stopped: 0,
            stopping: None,
            alarm: None,
            beside: None,
            keeps_hold: Cell::new(false),
        }
    }

    /// The inbox of the consumer's events.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// Wakes the consumer from another thread or a signal handler.
    pub fn waker(&self) -> Waker {
        self.inbox.waker()
    }
}

impl<T: Default> Consumer<T> {
    /// Takes the next event. A presence change comes after its subscribers were notified; a join comes after the
    /// `Event::Open` of the connection that caused it.
    #[inline]
    pub fn receive(&mut self) -> Option<Delivery<T>> {
        if self.announcer.is_busy() {
            self.announce_due();
        }
        let event = match self.next_change() {
            Some(change) => Event::Presence(Box::new(change)),
            None => self.inbox.pop()?,
        };
        let receipt = Receipt::of(&event, &self.ledger);
        if let Event::Stopped { panic, .. } = &event {
            self.shard_stopped(panic.is_some());
        }
        Some(Delivery { event, receipt })
    }

    #[cold]
    fn shard_stopped(&mut self, panicked: bool) {
        self.stopped += 1;
        if panicked {
            // The other shards must not serve on behind a consumer that is about to end.
            self.stop(PANIC_GRACE);
        }
    }
}

impl<T> Consumer<T> {
    /// The consumer's own publisher. Its commands are carried out in the order in which they are sent.
    pub fn publisher(&self) -> Rc<RefCell<Publisher>> {
        self.publisher.clone()
    }

    /// Defers the wakes of shards to [`end_batch`](Self::end_batch).
    pub fn begin_batch(&self) {
        self.publisher.borrow_mut().begin_batch();
        self.ledger.begin_batch();
    }

    /// Ends a batch: announces the presence changes that it caused, then wakes each resting shard that has got a
    /// command or credit, once.
    pub fn end_batch(&self) {
        self.announce_due();
        let mut publisher = self.publisher.borrow_mut();
        publisher.end_batch();
        self.ledger.end_batch();
    }

    /// Gives the receipt for a connection whose `Event::Close` does not come, because its shard has panicked.
    pub fn close_receipt(&self, connection: &Rc<Connected<T>>) -> Receipt<T> {
        Receipt::of_close(connection)
    }

    /// The connections that were seen open.
    pub fn connections(&self) -> &Connections<T> {
        &self.ledger.connections
    }

    /// Sets the optional events that the consumer wants.
    pub fn set_interests(&self, interests: Interests) {
        self.hub().set_interests(interests);
    }

    /// Sets the topics whose joins and leaves are announced.
    pub fn announce(&self, announced: Announced) {
        self.hub().directory.announce(announced);
    }

    /// Returns the users of a topic. Changes until now are announced before; those that follow are announced after the
    /// callback that runs now: when [`receive`](Self::receive) is called, or the batch ends.
    pub fn presence(&self, topic: &str) -> Presence {
        self.announcer.presence(&mut self.publisher.borrow_mut(), topic)
    }

    /// Announces the presence changes until now. [`receive`](Self::receive) does that too.
    pub fn announce_due(&self) {
        if self.keeps_hold.get() {
            return;
        }
        self.announcer.release(&mut self.publisher.borrow_mut());
    }

    /// Holds presence changes that are held now also when the next event is received: a callback of another process is
    /// not over. False lets them go again.
    pub fn keep_hold(&self, keeps: bool) {
        self.keeps_hold.set(keeps);
    }

    /// Announces every presence change, due or not: the server ends.
    pub fn announce_all(&self) {
        self.announcer.announce_all(&mut self.publisher.borrow_mut());
    }

    /// True if [`receive`](Self::receive) has an event.
    pub fn has_events(&self) -> bool {
        !self.inbox.is_empty()
            || self
                .deferred_change
                .as_ref()
                .is_some_and(|change| is_deliverable(&self.hub, &self.ledger, change))
    }

    /// Waits until an event comes or `until`; drives the server's shard meanwhile, if it may. With a signal mask the
    /// wait also ends for a signal: the caller has blocked all signals, and `unblocked` is the mask for the sleep.
    pub fn wait(&mut self, until: Option<Instant>, unblocked: Option<SigSet>) -> Waited {
        let until = [until, self.overtime(), self.announcer.next_due()].into_iter().flatten().min();
        if self.has_events() {
            return Waited::Normally;
        }
        let driven = self.driving.as_mut().map(|driving| driving.wait(&self.inbox, until));
        if let Some(waited @ (Waited::Normally | Waited::ForSignal)) = driven {
            return waited;
        }
        let interrupted = self.inbox.sleep(until, unblocked, self.beside.as_ref());
        if let Some(driving) = &mut self.driving {
            driving.woke();
        }
        if interrupted { Waited::ForSignal } else { Waited::Normally }
    }

    /// Lets a [`wait`](Self::wait) end when the descriptor becomes readable too. A wait that begins while it is readable
    /// may go on.
    pub fn wait_beside(&mut self, descriptor: OwnedFd) -> io::Result<()> {
        if let Some(driving) = &mut self.driving {
            driving.watch(descriptor.try_clone()?)?;
        }
        self.beside = Some(descriptor);
        Ok(())
    }

    /// With events left for the next batch: serves the network once, if nothing else does.
    pub fn serve_once(&mut self) {
        if let Some(driving) = &mut self.driving {
            driving.serve_once();
        }
    }

    /// Leaves the server's shard to its own thread, for a consumer that does not call [`wait`](Self::wait).
    pub fn stop_driving(&mut self) {
        self.driving = None;
    }

    /// Orders the stop: every shard drains and ends within `grace`. A second order can only shorten the time. Other
    /// publishers are refused first, so that their commands are carried out before the end.
    pub fn stop(&mut self, grace: Duration) {
        let now = Instant::now();
        let deadline = now + grace;
        self.stopping = Some(match self.stopping {
            Some(stopping) if stopping.deadline <= deadline => return,
            Some(stopping) => Stopping { deadline, ..stopping },
            None => Stopping { since: now, deadline, connections: self.hub().open_connections() },
        });
        self.publisher.borrow_mut().stop(grace);
    }

    /// The stop, if one was ordered.
    pub fn stopping(&self) -> Option<Stopping> {
        self.stopping
    }

    /// True if every shard has ended, or one [is overdue](Self::is_overdue).
    pub fn is_over(&self) -> bool {
        self.stopped >= self.shards || self.is_overdue()
    }

    /// True if a shard has not ended in the time that it was given.
    pub fn is_overdue(&self) -> bool {
        self.overtime().is_some_and(|overtime| Instant::now() >= overtime)
    }

    /// The time at which shards that have not ended as ordered are ended.
    pub fn overtime(&self) -> Option<Instant> {
        self.stopping.map(|stopping| stopping.deadline + OVERTIME)
    }

    /// Makes a descriptor for an event loop, which is readable as [`arm`](Self::arm) says.
    pub fn watch(&self) -> io::Result<OwnedFd> {
        self.inbox.watch()
    }

    /// Makes the descriptor readable now if `ready` is true or an event waits; otherwise when an event comes, or at
    /// `due`.
    pub fn arm(&mut self, ready: bool, due: Option<Instant>) {
        self.disarm();
        let now = Instant::now();
        let due = [due, self.overtime(), self.announcer.next_due()].into_iter().flatten().min();
        if ready || due.is_some_and(|due| due <= now) || self.has_events() || !self.inbox.prepare_sleep() {
            self.inbox.waker().wake();
            return;
        }
        if let Some(due) = due
            && self.alarm.replace(due) != Some(due)
        {
            self.publisher.borrow_mut().alarm(due - now);
        }
    }

    /// Makes the descriptor unreadable.
    pub fn disarm(&self) {
        self.inbox.awake();
        self.inbox.clear();
    }

    fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    #[inline]
    fn next_change(&mut self) -> Option<PresenceChange> {
        if self.deferred_change.is_none() {
            if !self.inbox.has_changes() {
                return None;
            }
            self.deferred_change = self.inbox.pop_change();
        }
        self.deferred_change.take_if(|change| is_deliverable(&self.hub, &self.ledger, change))
    }
}

impl<T> Drop for Consumer<T> {
    fn drop(&mut self) {
        // Connections and the ledger own each other.
        drop(self.ledger.connections.take());
    }
}

/// False for the join of a connection whose `Event::Open` is still to come.
fn is_deliverable<T>(hub: &Hub, ledger: &Ledger<T>, change: &PresenceChange) -> bool {
    let id = change.connection;
    !change.joined || ledger.connections.get(id).is_some() || hub.registry.get(id).is_none()
}

impl Publisher {
    /// Wakes the consumer after this time, even without an event. Replaces the previous alarm.
    fn alarm(&mut self, after: Duration) {
        self.command(0, Command::Alarm { after });
    }

    /// Orders every shard to drain and end within `grace`.
    fn stop(&mut self, grace: Duration) {
        self.hub().refuse_publishers();
        for shard in 0..self.shards() {
            self.command(shard, Command::Stop { grace });
        }
    }
}

/// The time after its grace at which a shard is ended.
const OVERTIME: Duration = Duration::from_secs(1);
/// The grace of the other shards when one has panicked.
const PANIC_GRACE: Duration = Duration::from_secs(1);
