//! Events on their way through the front, and the front's data of a connection.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use crate::port::{Connected, Event, Receipt};

/// A connection as the front knows it.
pub(super) type Client = Connected<ClientState>;

/// The front's data of a connection.
#[derive(Debug, Default)]
pub(super) struct ClientState {
    /// The worker that has it; 0 before its first event, and after that worker's death.
    pub(super) worker: Cell<u64>,
    /// True if that worker knows the connection.
    pub(super) is_known: Cell<bool>,
    /// Events of it that the worker has not finished.
    pub(super) outstanding: Cell<usize>,
    /// Events that wait until it has moved to another worker.
    pub(super) held: RefCell<VecDeque<Item>>,
    /// Its user and subprotocol.
    pub(super) user: RefCell<Option<String>>,
    pub(super) protocol: RefCell<Option<String>>,
}

/// An event that a worker is to handle.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) event: Event,
    /// Settles the event's debts once a worker has finished it; `None` for an event that the front has made.
    pub(super) receipt: Option<Receipt<ClientState>>,
    /// The connection, for an event that the front has made.
    pub(super) made_for: Option<Rc<Client>>,
    /// The number of times that a worker has begun it, the next one included.
    pub(super) attempt: u8,
    /// True if it was finished before an earlier one.
    pub(super) is_finished: bool,
}

impl Item {
    /// An event of the server.
    pub(super) fn new(event: Event, receipt: Receipt<ClientState>) -> Self {
        Self { event, receipt: Some(receipt), made_for: None, attempt: 1, is_finished: false }
    }

    /// An event of no connection that the front has made.
    pub(super) fn alone(event: Event) -> Self {
        Self { event, receipt: None, made_for: None, attempt: 1, is_finished: false }
    }

    /// An event that the front has made for a connection.
    pub(super) fn made(event: Event, client: Rc<Client>) -> Self {
        Self { event, receipt: None, made_for: Some(client), attempt: 1, is_finished: false }
    }

    /// The connection that it is about, if that is open or closes with it.
    pub(super) fn client(&self) -> Option<&Rc<Client>> {
        let of_receipt = self.receipt.as_ref().and_then(Receipt::connection);
        of_receipt.or(self.made_for.as_ref())
    }
}
