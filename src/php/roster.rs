//! The connections of a run as PHP knows them: from their open event until their close callback has
//! returned.
//!
//! The object of a connection is made when a callback first needs it. No PHP value is dropped while
//! the roster is borrowed: its end might run a destructor of the script, which may ask the roster.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    rc::Rc,
    sync::Arc,
};

use ext_php_rs::types::Zval;

use super::{
    connection::{self, Connection},
    objects::Owned,
    request::{self, Request},
    voice::Voice,
};
use crate::{
    hub::ConnectionHandle,
    queue::{ConnectionId, Event, Opened},
};

#[derive(Debug, Default)]
pub(super) struct Roster {
    seats: RefCell<HashMap<ConnectionId, Rc<Seat>, BuildHasherDefault<IdHasher>>>,
}

/// One connection. Whoever deals with an event of it looks the seat up once and holds on to it, for the
/// callback may do anything to the roster.
#[derive(Debug)]
pub(super) struct Seat {
    /// What the connection shares with the network.
    pub(super) member: Arc<ConnectionHandle>,
    shape: RefCell<Shape>,
    /// A callback of this connection runs, perhaps suspended in its Fiber: the next one waits.
    busy: Cell<bool>,
    /// The script refused a message of it: nothing more that it sent is heard.
    barred: Cell<bool>,
    /// Its close callback runs or has run.
    closed: Cell<bool>,
    /// Events that came while it was busy.
    held: RefCell<VecDeque<Event>>,
}

/// A connection before and after PHP has seen it.
#[derive(Debug)]
enum Shape {
    Seed {
        opened: Box<Opened>,
        request: Option<Owned<Request>>,
    },
    Object(Owned<Connection>),
    /// It is over, or the engine could not make an object, which it does not do.
    None,
}

impl Roster {
    /// Adds a connection that opened. `request` is the one that its handshake callback saw.
    pub(super) fn add(
        &self,
        member: Arc<ConnectionHandle>,
        opened: Box<Opened>,
        request: Option<Owned<Request>>,
    ) -> Rc<Seat> {
        let id = member.id();
        let shape = RefCell::new(Shape::Seed { opened, request });
        let seat = Rc::new(Seat {
            member,
            shape,
            busy: Cell::default(),
            barred: Cell::default(),
            closed: Cell::default(),
            held: RefCell::default(),
        });
        let old = self.seats.borrow_mut().insert(id, seat.clone());
        drop(old);
        seat
    }

    /// Takes a connection away.
    pub(super) fn remove(&self, id: ConnectionId) {
        let old = self.seats.borrow_mut().remove(&id);
        drop(old);
    }

    /// The connection of that id.
    pub(super) fn seat(&self, id: ConnectionId) -> Option<Rc<Seat>> {
        self.seats.borrow().get(&id).cloned()
    }

    /// Everyone, open or not.
    pub(super) fn seats(&self) -> Vec<Rc<Seat>> {
        self.seats.borrow().values().cloned().collect()
    }

    /// Forgets everyone; gives the PHP values that were held.
    #[must_use]
    pub(super) fn clear(&self) -> Vec<Zval> {
        // A fatal error may have skipped the end of a frame that held a seat.
        self.seats.take().into_values().filter_map(|seat| seat.vacate()).collect()
    }

    /// For the cycle collector.
    pub(super) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        let Ok(seats) = self.seats.try_borrow() else { return };
        for seat in seats.values() {
            match seat.shape.try_borrow().as_deref() {
                Ok(Shape::Object(object)) => object.trace(found),
                Ok(Shape::Seed { request: Some(request), .. }) => request.trace(found),
                Ok(Shape::Seed { request: None, .. } | Shape::None) | Err(_) => {}
            }
        }
    }
}

impl Seat {
    /// The connection's object, made now if it has to be.
    pub(super) fn object(&self, voice: &Rc<Voice>) -> Option<Zval> {
        if let Shape::Object(object) = &*self.shape.borrow() {
            return Some(object.to_zval());
        }
        let Shape::Seed { mut opened, request } = self.shape.replace(Shape::None) else { return None };
        let request = match request {
            Some(request) => request,
            None => request::object(opened.request.take()?, b"")?,
        };
        let object = connection::object(self.member.clone(), voice.clone(), &request, &opened)?;
        let value = object.to_zval();
        let old = self.shape.replace(Shape::Object(object));
        drop(old);
        Some(value)
    }

    /// The connection is over: takes what PHP had of it.
    pub(super) fn vacate(&self) -> Option<Zval> {
        match self.shape.replace(Shape::None) {
            Shape::Object(object) => Some(object.into_zval()),
            Shape::Seed { request, .. } => request.map(Owned::into_zval),
            Shape::None => None,
        }
    }

    /// Whether a callback of the connection runs, so that the next has to wait.
    pub(super) fn is_busy(&self) -> bool {
        self.busy.get()
    }

    /// Whether its messages are not heard any more.
    pub(super) fn is_barred(&self) -> bool {
        self.barred.get()
    }

    /// Nothing more of what it sends is heard.
    pub(super) fn bar(&self) {
        self.barred.set(true);
    }

    /// Its close callback begins; false if it has before. A loop in another Fiber may end the run meanwhile.
    pub(super) fn close(&self) -> bool {
        !self.closed.replace(true)
    }

    /// Keeps an event until the callback has returned.
    pub(super) fn hold(&self, event: Event) {
        self.held.borrow_mut().push_back(event);
    }

    /// A callback of the connection begins.
    pub(super) fn enter(&self) {
        self.busy.set(true);
    }

    /// It has returned; gives the events that came meanwhile, if any did.
    pub(super) fn leave(&self) -> Option<VecDeque<Event>> {
        self.busy.set(false);
        // Nearly always there is none, and then nothing need be moved.
        if self.held.borrow().is_empty() { None } else { Some(self.held.take()) }
    }
}

/// Ids are given out by us and differ in their low bits as in their high ones: one multiplication
/// spreads them, and nobody outside can choose them.
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
