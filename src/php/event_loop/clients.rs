//! The connections of a run as PHP knows them: from their open event until their close callback has returned.
//!
//! The object of a connection is made when a callback first needs it. No PHP value is dropped while the table of
//! connections is borrowed: its end might run a destructor of the script, which may look into the table.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
};

use ext_php_rs::types::Zval;

use super::link::Link;
use crate::{
    php::{
        classes::{
            connection::{self, Connection},
            request::{self, Request},
        },
        zend::objects::Owned,
    },
    port::{Connected, Delivery, Opened},
};

/// A connection that the run has seen open. A callback may do anything to the table of connections, so the loop looks a
/// client up once for each event and keeps it.
pub(in crate::php) type Client = Connected<ClientState>;

/// PHP's part of a connection.
#[derive(Debug, Default)]
pub(in crate::php) struct ClientState {
    shape: RefCell<Shape>,
    /// A callback of this connection runs, perhaps suspended in its Fiber: the next one waits.
    busy: Cell<bool>,
    /// The script refused a message of the connection: no further message is dispatched.
    muted: Cell<bool>,
    /// The close callback runs or has run.
    closed: Cell<bool>,
    /// Events that came while a callback ran.
    held: RefCell<VecDeque<Delivery<ClientState>>>,
}

/// A connection before and after PHP has seen it.
#[derive(Debug, Default)]
enum Shape {
    Seed {
        opened: Box<Opened>,
        request: Option<Owned<Request>>,
    },
    Object(Owned<Connection>),
    /// The connection is over, or the engine could not make an object, which it does not do.
    #[default]
    None,
}

impl Client {
    /// Prepares the object. `request` is the one that the handshake callback saw.
    pub(in crate::php) fn prepare(&self, opened: Box<Opened>, request: Option<Owned<Request>>) {
        let old = self.data.shape.replace(Shape::Seed { opened, request });
        drop(old);
    }

    /// The connection's object, made now if it has to be.
    pub(in crate::php) fn object(&self, link: &Rc<Link>) -> Option<Zval> {
        if let Shape::Object(object) = &*self.data.shape.borrow() {
            return Some(object.to_zval());
        }
        let Shape::Seed { mut opened, request } = self.data.shape.replace(Shape::None) else { return None };
        let request = match request {
            Some(request) => request,
            None => request::object(opened.request.take()?, b"")?,
        };
        let object = connection::object(self.handle().clone(), link.clone(), &request, &opened)?;
        let value = object.to_zval();
        let old = self.data.shape.replace(Shape::Object(object));
        drop(old);
        Some(value)
    }

    /// For the cycle collector.
    pub(in crate::php) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        match self.data.shape.try_borrow().as_deref() {
            Ok(Shape::Object(object)) => object.trace(found),
            Ok(Shape::Seed { request: Some(request), .. }) => request.trace(found),
            Ok(Shape::Seed { request: None, .. } | Shape::None) | Err(_) => {}
        }
    }

    /// The connection is over: takes PHP's values of it.
    pub(in crate::php) fn vacate(&self) -> Option<Zval> {
        match self.data.shape.replace(Shape::None) {
            Shape::Object(object) => Some(object.into_zval()),
            Shape::Seed { request, .. } => request.map(Owned::into_zval),
            Shape::None => None,
        }
    }

    /// True if a callback of the connection runs, so that the next has to wait.
    pub(in crate::php) fn is_busy(&self) -> bool {
        self.data.busy.get()
    }

    /// True if its messages are not dispatched any more.
    pub(in crate::php) fn is_muted(&self) -> bool {
        self.data.muted.get()
    }

    /// No further message of it is dispatched.
    pub(in crate::php) fn mute(&self) {
        self.data.muted.set(true);
    }

    /// Its close callback begins; false if it has before. A loop in another Fiber may end the run meanwhile.
    pub(in crate::php) fn close(&self) -> bool {
        !self.data.closed.replace(true)
    }

    /// Keeps an event until the callback has returned.
    pub(in crate::php) fn hold(&self, delivery: Delivery<ClientState>) {
        self.data.held.borrow_mut().push_back(delivery);
    }

    /// A callback of the connection begins.
    pub(in crate::php) fn enter(&self) {
        self.data.busy.set(true);
    }

    /// It has returned; gives the events that came meanwhile, if any did.
    pub(in crate::php) fn leave(&self) -> Option<VecDeque<Delivery<ClientState>>> {
        self.data.busy.set(false);
        // Nearly always there is none, and then nothing need be moved.
        if self.data.held.borrow().is_empty() { None } else { Some(self.data.held.take()) }
    }
}
