//! The connections of a run as PHP knows them: from their open event until their close callback has
//! returned.
//!
//! The object of a connection is made when a callback first needs it. No PHP value is dropped while
//! the roster is borrowed: its end might run a destructor of the script, which may ask the roster.

use std::{
    cell::RefCell,
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
    hub::Member,
    queue::{ConnectionId, Event, Opened},
};

#[derive(Debug, Default)]
pub(super) struct Roster {
    seats: RefCell<HashMap<ConnectionId, Seat, BuildHasherDefault<IdHasher>>>,
}

#[derive(Debug)]
struct Seat {
    member: Arc<Member>,
    shape: Shape,
    /// A callback of this connection runs, perhaps suspended in its Fiber: the next one waits.
    busy: bool,
    /// Events that came while it was busy.
    held: VecDeque<Event>,
}

/// A connection before and after PHP has seen it.
#[derive(Debug)]
enum Shape {
    Seed {
        opened: Box<Opened>,
        request: Option<Owned<Request>>,
    },
    Object(Owned<Connection>),
    /// The engine could not make an object, which it does not do.
    Broken,
}

impl Roster {
    /// Adds a connection that opened. `request` is the one that its handshake callback saw.
    pub(super) fn add(
        &self,
        id: ConnectionId,
        member: Arc<Member>,
        opened: Box<Opened>,
        request: Option<Owned<Request>>,
    ) {
        let shape = Shape::Seed { opened, request };
        let seat = Seat { member, shape, busy: false, held: VecDeque::new() };
        let old = self.seats.borrow_mut().insert(id, seat);
        drop(old);
    }

    /// Takes a connection away.
    pub(super) fn remove(&self, id: ConnectionId) {
        let old = self.seats.borrow_mut().remove(&id);
        drop(old);
    }

    /// The state that a connection shares with the network.
    pub(super) fn member(&self, id: ConnectionId) -> Option<Arc<Member>> {
        self.seats.borrow().get(&id).map(|seat| seat.member.clone())
    }

    /// The object of a connection, made now if it has to be.
    pub(super) fn object(&self, id: ConnectionId, voice: &Rc<Voice>) -> Option<Zval> {
        let (member, seed) = {
            let mut seats = self.seats.borrow_mut();
            let seat = seats.get_mut(&id)?;
            match &mut seat.shape {
                Shape::Object(object) => return Some(object.to_zval()),
                shape => (seat.member.clone(), std::mem::replace(shape, Shape::Broken)),
            }
        };
        let Shape::Seed { mut opened, request } = seed else { return None };
        let request = match request {
            Some(request) => request,
            None => request::object(opened.request.take()?)?,
        };
        let object = connection::object(member, voice.clone(), &request, &opened)?;
        let value = object.to_zval();
        let old = self
            .seats
            .borrow_mut()
            .get_mut(&id)
            .map(|seat| std::mem::replace(&mut seat.shape, Shape::Object(object)));
        drop(old);
        Some(value)
    }

    /// Gives the event back if its connection is free; keeps it otherwise.
    pub(super) fn hold_if_busy(&self, id: ConnectionId, event: Event) -> Option<Event> {
        let mut seats = self.seats.borrow_mut();
        match seats.get_mut(&id) {
            Some(seat) if seat.busy => {
                seat.held.push_back(event);
                None
            }
            _ => Some(event),
        }
    }

    /// A callback of the connection begins.
    pub(super) fn enter(&self, id: ConnectionId) {
        if let Some(seat) = self.seats.borrow_mut().get_mut(&id) {
            seat.busy = true;
        }
    }

    /// It has returned; gives the events that came meanwhile.
    pub(super) fn leave(&self, id: ConnectionId) -> VecDeque<Event> {
        self.seats.borrow_mut().get_mut(&id).map_or_else(VecDeque::new, |seat| {
            seat.busy = false;
            std::mem::take(&mut seat.held)
        })
    }

    /// Everyone, open or not.
    pub(super) fn ids(&self) -> Vec<ConnectionId> {
        self.seats.borrow().keys().copied().collect()
    }

    /// Everyone to whom something can be sent.
    pub(super) fn open_ids(&self) -> Vec<ConnectionId> {
        let seats = self.seats.borrow();
        seats.iter().filter(|(_, seat)| seat.member.is_open()).map(|(id, _)| *id).collect()
    }

    /// Forgets everyone.
    pub(super) fn clear(&self) {
        let old = self.seats.take();
        drop(old);
    }

    /// For the cycle collector.
    pub(super) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        let Ok(seats) = self.seats.try_borrow() else { return };
        for seat in seats.values() {
            if let Shape::Object(object) = &seat.shape {
                object.trace(found);
            }
        }
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
