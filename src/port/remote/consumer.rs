//! A worker's consumer: the events that the front sends to it.

use std::{
    cell::RefCell,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::signal::SigSet;

use super::{link::Link, publisher::RemotePublisher};
use crate::{
    connection::SendGauge,
    hub::{Announced, ConnectionHandle, Interests, Presence},
    port::{
        Connected, Connections, Consume, Delivery, Publish, Receipt, Stopping, Waited, WorkerStatus,
        delivery::{FrontEvent, Ledger},
    },
    queue::{ConnectionId, Event, WakeFd, Waker},
    ring::{Duplex, Note, SeenTable, SharedParts},
    wire::{self, About, Answer, Command, FirstWords, Hello, Question, Welcome},
};

/// Takes the events that the front sends to this worker.
#[derive(Debug)]
pub struct RemoteConsumer<T> {
    link: Rc<Link>,
    ledger: Rc<Ledger<T>>,
    publisher: Rc<RefCell<RemotePublisher<T>>>,
    welcome: Welcome,
    /// The front reads the worker's end from it.
    _socket: UnixStream,
}

/// Tells the front the error with which the script has ended before it had options.
pub fn fail(mut socket: UnixStream, error: String) -> io::Result<()> {
    wire::send(&mut socket, &FirstWords::Err(error), &[])
}

/// Introduces this worker to its front, and waits for the answer.
pub fn connect<T: Default>(mut socket: UnixStream, hello: &Hello) -> io::Result<RemoteConsumer<T>> {
    // As `wire::FirstWords`.
    wire::send(&mut socket, &Ok::<_, String>(hello), &[])?;
    let (welcome, descriptors): (Welcome, _) = wire::receive(&mut socket)?;
    let descriptors: [OwnedFd; 5] =
        descriptors.try_into().map_err(|_| io::Error::other("the front sent other descriptors"))?;
    let [makers, peers, wake, bell, gauges] = descriptors;
    let lane = Duplex::attach(&SharedParts { makers, peers }, welcome.capacity)?;
    let gauges = SeenTable::map(&gauges, welcome.gauges)?;
    let link = Link::new(lane, WakeFd::from(wake), Waker::from(bell), gauges);
    Ok(RemoteConsumer::new(link, welcome, socket))
}

impl<T: Default> RemoteConsumer<T> {
    fn new(link: Rc<Link>, welcome: Welcome, socket: UnixStream) -> Self {
        let ledger = Rc::new(Ledger::of_worker(link.clone()));
        let publisher =
            RemotePublisher::new(link.clone(), ledger.clone(), welcome.limits.clone(), welcome.shards);
        let publisher = Rc::new(RefCell::new(publisher));
        link.is_leader.set(welcome.is_leader);
        Self { link, ledger, publisher, welcome, _socket: socket }
    }
}

impl<T> RemoteConsumer<T> {
    /// Memory for a text that the front can read.
    pub fn note(&self) -> Note {
        self.link.note()
    }

    /// The addresses that the front has bound.
    pub fn addresses(&self) -> &[String] {
        &self.welcome.addresses
    }
}

impl<T: Default + std::fmt::Debug + 'static> RemoteConsumer<T> {
    /// Takes the next event, and shows the front that it is begun.
    #[inline]
    pub fn receive(&mut self) -> Option<Delivery<T>> {
        let (number, flags, about, event) = self.link.take()?;
        let (connection, is_last) = match &event {
            Event::Message { id, .. } | Event::Drain { id } => (self.ledger.connections.get(*id), false),
            Event::Open { id, .. } | Event::Attach { id, .. } => {
                (Some(self.opened(*id, &about.unwrap_or_default())), false)
            }
            Event::Close { id, .. } => {
                let connection = self.ledger.connections.get(*id);
                if let Some(connection) = &connection {
                    connection.handle().gauge().close();
                }
                (connection, true)
            }
            Event::Detach { id } => (self.ledger.connections.get(*id), true),
            _ => (None, false),
        };
        let of_front = FrontEvent::new(number, flags.attempt, is_last);
        let receipt = Receipt::of_front(&self.ledger, connection, of_front);
        Some(Delivery { event, receipt })
    }

    /// Its publisher.
    pub fn publisher(&self) -> Rc<RefCell<dyn Publish>> {
        self.publisher.clone()
    }

    fn opened(&self, id: ConnectionId, about: &About) -> Rc<Connected<T>> {
        let gauge = SendGauge::seen(id, self.link.gauges.clone(), about.gauges);
        gauge.set_known(Some(about.topics), Some(about.tags));
        let handle = ConnectionHandle::of_worker(gauge);
        for (key, value) in &about.attributes {
            // They have been within the limit, in the front.
            let _ = handle.set_attribute(key, value);
        }
        self.ledger.add(Arc::new(handle))
    }
}

impl<T: Default + std::fmt::Debug + 'static> Consume<T> for RemoteConsumer<T> {
    fn begin_batch(&self) {}

    fn end_batch(&self) {
        self.link.flush();
    }

    fn close_receipt(&self, connection: &Rc<Connected<T>>) -> Receipt<T> {
        Receipt::of_close(connection)
    }

    fn connections(&self) -> &Connections<T> {
        &self.ledger.connections
    }

    fn set_interests(&self, interests: Interests) {
        self.link.command(&Command::Interests(interests));
    }

    fn announce(&self, announced: Announced) {
        self.link.command(&Command::Announce(announced));
    }

    fn presence(&self, topic: &str) -> Presence {
        match self.link.ask(Question::Presence(topic)) {
            Some(Answer::Presence(users, connections)) => Presence { users, connections },
            _ => Presence::default(),
        }
    }

    /// The front announces.
    fn announce_due(&self) {}

    fn announce_all(&self) {}

    fn has_events(&self) -> bool {
        self.link.has_events()
    }

    fn wait(&mut self, until: Option<Instant>, unblocked: Option<SigSet>) -> Waited {
        self.link.flush();
        if self.link.sleep(until, unblocked) { Waited::ForSignal } else { Waited::Normally }
    }

    fn serve_once(&mut self) {}

    fn stop(&mut self, grace: Duration) {
        self.link.command(&Command::Stop(grace));
        self.link.flush();
    }

    fn retire(&mut self, _grace: Duration) {
        self.link.command(&Command::Retire);
        self.link.flush();
    }

    /// The front stops, drains and says so.
    fn stopping(&self) -> Option<Stopping> {
        None
    }

    fn is_over(&self) -> bool {
        self.link.is_over()
    }

    fn is_retired(&self) -> bool {
        self.link.is_retired()
    }

    fn is_overdue(&self) -> bool {
        false
    }

    fn watch(&self) -> io::Result<OwnedFd> {
        self.link.wake_fd().watch()
    }

    fn arm(&mut self, _ready: bool, _due: Option<Instant>) {}

    fn disarm(&self) {}

    fn worker(&self) -> Option<WorkerStatus> {
        Some(WorkerStatus {
            index: self.welcome.index,
            workers: self.welcome.workers,
            generation: self.welcome.generation,
            is_leader: self.link.is_leader.get(),
        })
    }

    fn reload(&self) -> bool {
        self.link.command(&Command::Reload);
        self.link.flush();
        true
    }

    fn ready(&self) {
        self.link.command(&Command::Ready);
        self.link.flush();
    }

    fn show_timer(&self, runs: bool) {
        self.link.show_timer(runs);
    }

    fn detached(&self) {
        self.link.command(&Command::Detached);
        self.link.flush();
    }

    fn leave(&self, error: Option<&str>, culprit: Option<ConnectionId>) {
        let error = error.map(str::to_owned);
        self.link.command(&Command::Leaving { error, culprit });
        self.link.flush();
    }
}

impl<T> Drop for RemoteConsumer<T> {
    fn drop(&mut self) {
        // Connections and the ledger own each other.
        drop(self.ledger.connections.take());
    }
}
