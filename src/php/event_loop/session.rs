//! One run of a server, from binding to the last thread's end.

mod end;
mod stream;

use std::{
    borrow::Cow,
    cell::{Cell, Ref, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::{Duration, Instant},
};

use ext_php_rs::types::Zval;

use super::{
    clients::{Client, ClientState},
    link::Link,
    rules::Rules,
};
use crate::{
    config::ConfigError,
    php::zend::{
        calls, fork,
        signals::{Guard, Mask},
        thrown::Thrown,
    },
    port::{
        Audience, ConnectionId, ConsumerEnd, Delivery, LogRecord, Stopping, Waited, remote::RemoteConsumer,
    },
    runtime::{self, Notifier},
};

/// The state of a run. Callbacks enter it again, so everything is behind cells, and nothing is borrowed while PHP
/// runs.
#[derive(Debug)]
pub(in crate::php) struct Session {
    birth: fork::Process,
    runtime: RefCell<Option<runtime::Server>>,
    /// Never borrowed across a call into PHP.
    consumer: RefCell<ConsumerEnd<ClientState>>,
    /// Tells systemd, if that started this process.
    notifier: RefCell<Option<Notifier>>,
    pub(in crate::php) link: Rc<Link>,
    /// Events that had to wait for a callback of their connection that was suspended in its Fiber; they come before
    /// those of the consumer.
    pending: RefCell<VecDeque<Delivery<ClientState>>>,
    /// The clients of a run that ends without their close callbacks.
    left: RefCell<Vec<Rc<Client>>>,
    /// True once the loss of standard output was reported.
    pub(in crate::php) is_output_lost: Cell<bool>,
    /// When a client's refused message was logged last.
    pub(in crate::php) refusal_logged: Cell<Option<Instant>>,
    /// True if `run()` owns the loop.
    pub(in crate::php) is_run: bool,
    /// True until `onStart` has returned.
    pub(in crate::php) is_starting: Cell<bool>,
    /// The Fibers in which a loop of this run is active, outermost first; 0 outside of all Fibers.
    pub(in crate::php) loops: RefCell<Vec<usize>>,
    addresses: Vec<String>,
    pub(in crate::php) panic: RefCell<Option<String>>,
    /// The number of times that the dispatched event was begun, this one included.
    pub(in crate::php) attempt: Cell<u8>,
    /// The connection of the event that is dispatched. It stays if the event's callback leaves the script.
    pub(in crate::php) current: Cell<Option<ConnectionId>>,
    end: Cell<End>,
    /// Takes signals for the time of the run, if `run()` owns the loop.
    signals: RefCell<Option<Guard>>,
    stream: RefCell<Option<Zval>>,
}

/// Names and values of figures.
pub(in crate::php) type Figures = Vec<(Cow<'static, str>, i64)>;

/// The progress of a run's end. Loops of several Fibers may come to it, perhaps when the server runs anew: the first
/// ends the run, and the others just return.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    Begun,
    Done,
}

/// The reason for the end of a sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) enum Woken {
    /// By an event, or by the time.
    Normally,
    /// By a signal.
    BySignal,
}

impl Session {
    /// Takes over a server that has just started.
    pub(in crate::php) fn new(mut runtime: runtime::Server, rules: &Rc<Rules>, is_run: bool) -> Option<Self> {
        let mut parts = runtime.take_consumer()?;
        if !is_run {
            // The waiting is the script's event loop's.
            parts.driving = None;
        }
        let consumer = ConsumerEnd::Here(Box::new(parts.assemble()));
        let addresses = runtime.addresses().to_vec();
        let session = Self::with(consumer, Some(runtime), rules, addresses, is_run);
        session.notifier.replace(Notifier::from_environment());
        Some(session)
    }

    /// Begins the run of a worker.
    pub(in crate::php) fn of_worker(consumer: RemoteConsumer<ClientState>, rules: &Rc<Rules>) -> Self {
        let addresses = consumer.addresses().to_vec();
        Self::with(ConsumerEnd::Remote(Box::new(consumer)), None, rules, addresses, true)
    }

    fn with(
        consumer: ConsumerEnd<ClientState>,
        runtime: Option<runtime::Server>,
        rules: &Rc<Rules>,
        addresses: Vec<String>,
        is_run: bool,
    ) -> Self {
        Self {
            birth: fork::Process::current(),
            link: Rc::new(Link::new(consumer.publisher(), rules)),
            addresses,
            runtime: RefCell::new(runtime),
            consumer: RefCell::new(consumer),
            notifier: RefCell::default(),
            pending: RefCell::default(),
            left: RefCell::default(),
            is_output_lost: Cell::default(),
            refusal_logged: Cell::default(),
            is_run,
            is_starting: Cell::new(true),
            loops: RefCell::default(),
            panic: RefCell::default(),
            attempt: Cell::new(1),
            current: Cell::default(),
            end: Cell::new(End::NotYet),
            signals: RefCell::default(),
            stream: RefCell::default(),
        }
    }

    /// The records that tell of the start; none in a worker, for which the front tells.
    pub(in crate::php) fn start_records(&self) -> Vec<LogRecord> {
        self.runtime.borrow().as_ref().map_or_else(Vec::new, runtime::Server::start_records)
    }

    pub(in crate::php) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Reads the certificates again, if there are any.
    pub(in crate::php) fn reload_tls(&self) -> Result<(), ConfigError> {
        let certificates = self.runtime.borrow().as_ref().and_then(|runtime| runtime.certificates().cloned());
        certificates.map_or(Ok(()), |certificates| certificates.reload())
    }

    /// The next event to dispatch. Presence changes until now are announced before.
    pub(in crate::php) fn next_event(&self) -> Option<Delivery<ClientState>> {
        let mut pending = self.pending.borrow_mut();
        if pending.is_empty() {
            return self.consumer.borrow_mut().receive();
        }
        let next = pending.pop_front();
        drop(pending);
        self.announce_due();
        next
    }

    /// Announces the presence changes until now to the subscribers.
    pub(in crate::php) fn announce_due(&self) {
        if !self.is_foreign() {
            self.consumer.borrow().announce_due();
        }
    }

    /// Looks at the consumer. Not across a call into PHP.
    pub(in crate::php) fn consumer(&self) -> Ref<'_, ConsumerEnd<ClientState>> {
        self.consumer.borrow()
    }

    /// The client of that id.
    pub(in crate::php) fn client(&self, id: ConnectionId) -> Option<Rc<Client>> {
        self.consumer.borrow().connections().get(id)
    }

    /// Every client, open or not.
    pub(in crate::php) fn clients(&self) -> Vec<Rc<Client>> {
        self.consumer.borrow().connections().all()
    }

    /// The open connections of an audience, each once; none once the run is over.
    pub(in crate::php) fn select(&self, audience: &Audience) -> Vec<ConnectionId> {
        self.link.ask(|publisher| publisher.connections(audience)).unwrap_or_default()
    }

    /// Name and value of every figure of the server.
    pub(in crate::php) fn figures(&self) -> Figures {
        self.consumer.borrow().publisher().with(|publisher| publisher.figures())
    }

    /// Begins a batch of callbacks: each shard is woken at most once for all that they send.
    pub(in crate::php) fn begin_batch(&self) {
        self.consumer.borrow().begin_batch();
    }

    /// Ends a batch. In a forked child nothing serves.
    pub(in crate::php) fn end_batch(&self) {
        if !self.is_foreign() {
            self.consumer.borrow().end_batch();
        }
    }

    /// Puts events of a connection that were held back in front of the waiting ones.
    pub(in crate::php) fn put_back(&self, mut held: VecDeque<Delivery<ClientState>>) {
        if self.has_ended() {
            return;
        }
        let mut pending = self.pending.borrow_mut();
        while let Some(delivery) = held.pop_back() {
            pending.push_front(delivery);
        }
    }

    /// Lets PHP run the handlers of signals that have come. One of them may have forked: the child has no threads, and
    /// must not serve its parent's clients.
    pub(in crate::php) fn serve_interrupts(&self) -> Result<(), Thrown> {
        calls::serve_interrupts()?;
        self.link.check_process()
    }

    /// Tells systemd, if it wants to hear.
    pub(in crate::php) fn notify(&self, tell: impl FnOnce(&mut Notifier, usize)) {
        if let Some(notifier) = &mut *self.notifier.borrow_mut() {
            tell(notifier, self.link.publish(|publisher| publisher.count()).unwrap_or(0));
        }
    }

    /// When [`Notifier::notify_due`] has something to say.
    pub(in crate::php) fn next_notice(&self) -> Option<Instant> {
        self.notifier.borrow().as_ref().and_then(Notifier::due)
    }

    /// Takes the signals that the script has not taken, until the run ends.
    pub(in crate::php) fn take_signals(&self) {
        self.signals.replace(Some(Guard::install()));
    }

    /// Number of signals since the last call.
    pub(in crate::php) fn signals_arrived(&self) -> usize {
        self.signals.borrow_mut().as_mut().map_or(0, Guard::arrived)
    }

    /// True if a signal has come since the last call of [`signals_arrived`](Self::signals_arrived).
    pub(in crate::php) fn is_signalled(&self) -> bool {
        self.signals.borrow().as_ref().is_some_and(Guard::is_pending)
    }

    pub(in crate::php) fn restore_signals(&self) {
        drop(self.signals.take());
    }

    /// Ends this process's part of the server.
    pub(in crate::php) fn retire(&self, grace: Duration) {
        self.consumer.borrow_mut().retire(grace);
    }

    /// True if the repeated timers run in this process.
    pub(in crate::php) fn is_leader(&self) -> bool {
        self.consumer.borrow().worker().is_none_or(|worker| worker.is_leader)
    }

    /// Orders the end. A second order can only hasten it.
    pub(in crate::php) fn order_stop(&self, grace: Duration) {
        self.consumer.borrow_mut().stop(grace);
    }

    pub(in crate::php) fn stopping(&self) -> Option<Stopping> {
        self.consumer.borrow().stopping()
    }

    /// True if no event can come any more: every shard has ended, or has had all the time it was given.
    pub(in crate::php) fn is_over(&self) -> bool {
        self.has_ended() || self.are_shards_over()
    }

    fn are_shards_over(&self) -> bool {
        let consumer = self.consumer.borrow();
        consumer.is_overdue() || (consumer.is_over() && self.pending.borrow().is_empty())
    }

    /// True if something can be done without sleeping.
    pub(in crate::php) fn has_events(&self) -> bool {
        !self.pending.borrow().is_empty() || self.consumer.borrow().has_events()
    }

    /// Sleeps until an event comes, the time has come, or a signal. All signals are blocked when it is
    /// called, and `mask` says which are not during the sleep: so none is lost before it.
    pub(in crate::php) fn sleep(&self, until: Option<Instant>, mask: Mask) -> Woken {
        if self.is_foreign() || !self.pending.borrow().is_empty() {
            return Woken::Normally;
        }
        match self.consumer.borrow_mut().wait(until, Some(mask.set())) {
            Waited::ForSignal => Woken::BySignal,
            Waited::Normally | Waited::NotAtAll => Woken::Normally,
        }
    }

    /// With events left for the next batch: serves the network once, if nobody else does.
    pub(in crate::php) fn serve_once(&self) {
        if !self.is_foreign() {
            self.consumer.borrow_mut().serve_once();
        }
    }

    /// True in a forked child of the process that the threads are in.
    pub(in crate::php) fn is_foreign(&self) -> bool {
        self.birth != fork::Process::current()
    }

    /// For the cycle collector.
    pub(in crate::php) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        if let Ok(consumer) = self.consumer.try_borrow() {
            consumer.connections().each(|client| client.trace(found));
        }
        if let Ok(waiting) = self.link.waiting.try_borrow() {
            waiting.values().for_each(|request| request.trace(found));
        }
        if let Ok(stream) = self.stream.try_borrow() {
            stream.iter().for_each(found);
        }
    }
}

/// Events of one batch. More would keep timers and signals waiting, fewer would wake shards more often.
pub(in crate::php) const BATCH: usize = 256;
