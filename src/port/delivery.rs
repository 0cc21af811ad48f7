//! Deliveries: events on their way through the consumer, with the debts that come with them.
//!
//! A debt is credit to return to the event's shard, or a connection to forget. It is settled when the receipt is
//! dropped, so a consumer cannot leave it out; receipts may be dropped in any order.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
    rc::Rc,
    sync::Arc,
};

use crate::{
    hub::{ConnectionHandle, Hub},
    queue::{ConnectionId, CreditSender, Event},
};

/// An event and its [`Receipt`].
#[derive(Debug)]
pub struct Delivery<T> {
    /// The event.
    pub event: Event,
    /// Settled when it is dropped.
    pub receipt: Receipt<T>,
}

/// A connection that the consumer has seen open, with data of the consumer's own.
#[derive(Debug)]
pub struct Connected<T> {
    handle: Arc<ConnectionHandle>,
    ledger: Rc<Ledger<T>>,
    /// The consumer's data. Dropped after the `Event::Close` was settled, with the last `Rc`.
    pub data: T,
}

impl<T> Connected<T> {
    /// The connection.
    pub fn handle(&self) -> &Arc<ConnectionHandle> {
        &self.handle
    }

    /// The consumer has finished with the connection.
    fn end(&self) {
        self.handle.forget_attributes();
        self.ledger.connections.remove(self.handle.id());
    }
}

/// The debts of one event. The consumer drops it when it has finished with the event; then it returns credit to the
/// connection and its shard, or makes the server forget the connection. In a worker it tells the front that the event
/// is finished, and the front settles the debts.
#[derive(Debug)]
pub struct Receipt<T>(Debt<T>);

#[derive(Debug)]
enum Debt<T> {
    Nothing,
    /// An event of a connection that costs no credit.
    Seen(Rc<Connected<T>>),
    /// A message, by its cost in bytes.
    Message(Rc<Connected<T>>, usize),
    /// A request, by the bytes of its body.
    Request(Rc<Ledger<T>>, ConnectionId, usize),
    /// A handshake or a request whose client has gone.
    Abandoned(Rc<Ledger<T>>),
    /// The end of a connection.
    Close(Rc<Connected<T>>),
    /// The end of a connection that the server has forgotten already.
    Forgotten(Rc<Connected<T>>),
    /// In a worker, an event of a connection that the front has sent.
    OfFront(Rc<Connected<T>>, FrontEvent),
    /// The same for an event of no connection.
    OfFrontAlone(Rc<Ledger<T>>, FrontEvent),
}

/// An event that a front has sent to this worker: its number, then the attempt and one bit that is set for the last event
/// of a connection. In one word, so that a receipt is as small as without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrontEvent(u64);

impl FrontEvent {
    /// An event of that number, begun so often.
    #[inline]
    pub(super) fn new(number: u64, attempt: u8, is_last: bool) -> Self {
        Self(number << 4 | u64::from(attempt & 7) << 1 | u64::from(is_last))
    }

    #[inline]
    fn number(self) -> u64 {
        self.0 >> 4
    }

    #[inline]
    fn attempt(self) -> u8 {
        (self.0 >> 1 & 7) as u8
    }

    #[inline]
    fn is_last(self) -> bool {
        self.0 & 1 != 0
    }
}

/// Hears in a worker that an event is finished.
pub(super) trait Finish: std::fmt::Debug {
    /// The event of that number is finished.
    fn finish(&self, number: u64);
}

impl<T: Default> Receipt<T> {
    /// The receipt of an event that the consumer takes out of its inbox now.
    #[inline]
    pub(super) fn of(event: &Event, ledger: &Rc<Ledger<T>>) -> Self {
        let connected = |id: &ConnectionId| ledger.connections.get(*id);
        let debt = match event {
            Event::Message { id, payload, .. } => {
                connected(id).map(|connected| Debt::Message(connected, Event::message_cost(payload.len())))
            }
            Event::Open { id, .. } => ledger.open(*id).map(Debt::Seen),
            Event::Drain { id } => connected(id).map(Debt::Seen),
            Event::Close { id, .. } => connected(id).map(Debt::Close),
            Event::Request { id, asked } => Some(Debt::Request(ledger.clone(), *id, asked.body.len())),
            Event::HandshakeGone { .. } | Event::RequestGone { .. } => Some(Debt::Abandoned(ledger.clone())),
            Event::Handshake { .. }
            | Event::Attach { .. }
            | Event::Detach { .. }
            | Event::Presence(_)
            | Event::Log(_)
            | Event::Stopped { .. } => None,
        };
        Self(debt.unwrap_or(Debt::Nothing))
    }
}

impl<T> Receipt<T> {
    pub(super) fn of_close(connection: &Rc<Connected<T>>) -> Self {
        match connection.ledger.core {
            Some(_) => Self(Debt::Close(connection.clone())),
            // The front has settled all that it sent.
            None => Self(Debt::Forgotten(connection.clone())),
        }
    }

    /// The receipt of an event of the front's.
    #[inline]
    pub(super) fn of_front(
        ledger: &Rc<Ledger<T>>,
        connection: Option<Rc<Connected<T>>>,
        event: FrontEvent,
    ) -> Self {
        Self(match connection {
            Some(connection) => Debt::OfFront(connection, event),
            None => Debt::OfFrontAlone(ledger.clone(), event),
        })
    }

    /// The number of times that the event was begun, this one included: 2 if the worker that had begun it died.
    #[inline]
    pub fn attempt(&self) -> u8 {
        match &self.0 {
            Debt::OfFront(_, event) | Debt::OfFrontAlone(_, event) => event.attempt(),
            _ => 1,
        }
    }

    /// The connection of the event, if it is open or closes with this event.
    pub fn connection(&self) -> Option<&Rc<Connected<T>>> {
        match &self.0 {
            Debt::Seen(connected)
            | Debt::Message(connected, _)
            | Debt::Close(connected)
            | Debt::Forgotten(connected)
            | Debt::OfFront(connected, _) => Some(connected),
            Debt::Nothing | Debt::Request(..) | Debt::Abandoned(_) | Debt::OfFrontAlone(..) => None,
        }
    }

    /// Makes the server forget a closed connection now, before the receipt is dropped, so that subscribers may be
    /// notified that its user has left. It stays among the consumer's connections until the receipt is dropped, and its
    /// attributes can be read.
    pub fn forget(&mut self) {
        if let Debt::Close(connected) = &self.0 {
            connected.handle.keep_attributes();
            connected.ledger.forget(connected.handle.id());
            self.0 = Debt::Forgotten(connected.clone());
        }
    }
}

impl<T> Drop for Receipt<T> {
    #[inline]
    fn drop(&mut self) {
        match &self.0 {
            Debt::Message(connected, cost) => {
                let shard = connected.handle.id().shard();
                connected.handle.gauge().consume(*cost);
                connected.ledger.return_credit(shard, |credit| credit.consumed(*cost));
            }
            Debt::Nothing | Debt::Seen(_) => {}
            Debt::OfFront(connected, event) if !event.is_last() => connected.ledger.finish(*event),
            _ => self.settle_rare(),
        }
    }
}

impl<T> Receipt<T> {
    /// Settles the debts of the events that are not messages.
    #[inline(never)]
    fn settle_rare(&self) {
        match &self.0 {
            Debt::Nothing | Debt::Seen(_) | Debt::Message(..) => {}
            Debt::Request(ledger, id, bytes) => {
                ledger.return_credit(id.shard(), |credit| credit.answered(*bytes));
            }
            Debt::Abandoned(ledger) => {
                if let Some(core) = &ledger.core {
                    core.hub.registry.forget_abandoned();
                }
            }
            Debt::Close(connected) => {
                connected.ledger.forget(connected.handle.id());
                connected.end();
            }
            Debt::Forgotten(connected) => connected.end(),
            Debt::OfFront(connected, event) => {
                connected.ledger.finish(*event);
                connected.end();
            }
            Debt::OfFrontAlone(ledger, event) => ledger.finish(*event),
        }
    }
}

/// The consumer's connections and, in the process of the shards, the ways to settle debts.
#[derive(Debug)]
pub(super) struct Ledger<T> {
    pub(super) connections: Connections<T>,
    /// `None` in a worker.
    core: Option<Core>,
    /// In a worker: hears of finished events.
    front: Option<Rc<dyn Finish>>,
}

#[derive(Debug)]
struct Core {
    hub: Arc<Hub>,
    /// The credit of each shard, with true if the batch has returned some.
    credit: Vec<(CreditSender, Cell<bool>)>,
    batching: Cell<bool>,
}

impl<T> Ledger<T> {
    pub(super) fn new(hub: Arc<Hub>, credit: Vec<CreditSender>) -> Self {
        let credit = credit.into_iter().map(|credit| (credit, Cell::new(false))).collect();
        let core = Some(Core { hub, credit, batching: Cell::new(false) });
        Self { connections: Connections::default(), core, front: None }
    }

    /// The ledger of a worker.
    pub(super) fn of_worker(front: Rc<dyn Finish>) -> Self {
        Self { connections: Connections::default(), core: None, front: Some(front) }
    }

    #[inline]
    fn finish(&self, event: FrontEvent) {
        if let Some(front) = &self.front {
            front.finish(event.number());
        }
    }

    pub(super) fn begin_batch(&self) {
        if let Some(core) = &self.core {
            core.batching.set(true);
        }
    }

    /// Notifies each shard to which the batch has returned credit, once.
    pub(super) fn end_batch(&self) {
        let Some(core) = &self.core else { return };
        core.batching.set(false);
        for (credit, returned) in &core.credit {
            if returned.take() {
                credit.flush();
            }
        }
    }

    #[inline]
    fn return_credit(&self, shard: usize, count: impl FnOnce(&CreditSender)) {
        let Some(core) = &self.core else { return };
        let Some((credit, returned)) = core.credit.get(shard) else { return };
        count(credit);
        if core.batching.get() {
            returned.set(true);
        } else {
            credit.flush();
        }
    }

    fn forget(&self, id: ConnectionId) {
        if let Some(core) = &self.core {
            core.hub.forget(id);
        }
    }
}

impl<T: Default> Ledger<T> {
    fn open(self: &Rc<Self>, id: ConnectionId) -> Option<Rc<Connected<T>>> {
        let handle = self.core.as_ref()?.hub.registry.get(id)?;
        Some(self.add(handle))
    }

    /// Adds a connection that opens, or that comes from another worker.
    pub(super) fn add(self: &Rc<Self>, handle: Arc<ConnectionHandle>) -> Rc<Connected<T>> {
        let id = handle.id();
        let connected = Rc::new(Connected { handle, ledger: self.clone(), data: T::default() });
        self.connections.add(id, connected.clone());
        connected
    }
}

/// The connections that the consumer has seen open and has not finished with.
#[derive(Debug)]
pub struct Connections<T>(RefCell<Table<T>>);

type Table<T> = HashMap<ConnectionId, Rc<Connected<T>>, BuildHasherDefault<IdHasher>>;

impl<T> Default for Connections<T> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<T> Connections<T> {
    /// The connection of that id.
    #[inline]
    pub fn get(&self, id: ConnectionId) -> Option<Rc<Connected<T>>> {
        self.0.borrow().get(&id).cloned()
    }

    /// Every connection, in no order.
    pub fn all(&self) -> Vec<Rc<Connected<T>>> {
        self.0.borrow().values().cloned().collect()
    }

    /// Takes all connections out, when the consumer ends.
    pub fn take(&self) -> Vec<Rc<Connected<T>>> {
        self.0.take().into_values().collect()
    }

    /// Calls `visit` for every connection; for none if the table is in use.
    pub fn each(&self, visit: impl FnMut(&Rc<Connected<T>>)) {
        if let Ok(table) = self.0.try_borrow() {
            table.values().for_each(visit);
        }
    }

    fn add(&self, id: ConnectionId, connected: Rc<Connected<T>>) {
        let old = self.0.borrow_mut().insert(id, connected);
        drop(old);
    }

    fn remove(&self, id: ConnectionId) {
        // Dropped when the table is no longer borrowed: the consumer's data may run code of its own.
        let old = self.0.borrow_mut().remove(&id);
        drop(old);
    }
}

/// A hash by one multiplication: ids differ in their low and high bits, and no client can choose its id.
#[derive(Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, id: u64) {
        let mixed = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }
}
