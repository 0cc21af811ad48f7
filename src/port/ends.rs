//! The application's ends of the port, here or in a front. The calls that come with every message know which it is, and
//! are inlined; all others go through the traits.

use std::{
    cell::RefCell,
    ops::{Deref, DerefMut},
    rc::Rc,
};

use super::{
    consumer::Consumer,
    delivery::Delivery,
    interface::{Consume, Publish},
    outgoing::{Outgoing, PayloadTooBig, SendResult},
    publisher::Publisher,
    remote::RemoteConsumer,
};
use crate::hub::ConnectionHandle;

/// The consumer of an application.
#[derive(Debug)]
pub enum ConsumerEnd<T> {
    /// The server is in this process.
    Here(Box<Consumer<T>>),
    /// This process is a worker.
    Remote(Box<RemoteConsumer<T>>),
}

/// The publisher of an application, with the calls of its callbacks.
#[derive(Debug, Clone)]
pub enum PublisherEnd {
    /// The server is in this process.
    Here(Rc<RefCell<Publisher>>),
    /// This process is a worker.
    Remote(Rc<RefCell<dyn Publish>>),
}

impl<T: Default + std::fmt::Debug + 'static> ConsumerEnd<T> {
    /// See [`Consumer::receive`].
    #[inline]
    pub fn receive(&mut self) -> Option<Delivery<T>> {
        match self {
            Self::Here(consumer) => consumer.receive(),
            Self::Remote(consumer) => consumer.receive(),
        }
    }

    /// Its publisher.
    pub fn publisher(&self) -> PublisherEnd {
        match self {
            Self::Here(consumer) => PublisherEnd::Here(consumer.publisher()),
            Self::Remote(consumer) => PublisherEnd::Remote(consumer.publisher()),
        }
    }
}

impl<T: Default + std::fmt::Debug + 'static> Deref for ConsumerEnd<T> {
    type Target = dyn Consume<T>;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Here(consumer) => &**consumer,
            Self::Remote(consumer) => &**consumer,
        }
    }
}

impl<T: Default + std::fmt::Debug + 'static> DerefMut for ConsumerEnd<T> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        match self {
            Self::Here(consumer) => &mut **consumer,
            Self::Remote(consumer) => &mut **consumer,
        }
    }
}

impl PublisherEnd {
    /// See [`Publisher::send`].
    #[inline]
    pub fn send(&self, to: &ConnectionHandle, message: Outgoing<'_>) -> Result<SendResult, PayloadTooBig> {
        match self {
            Self::Here(publisher) => publisher.borrow_mut().send(to, message),
            Self::Remote(publisher) => publisher.borrow_mut().send(to, message),
        }
    }

    /// Calls `publish` with the publisher.
    #[inline]
    pub fn with<R>(&self, publish: impl FnOnce(&mut dyn Publish) -> R) -> R {
        match self {
            Self::Here(publisher) => publish(&mut *publisher.borrow_mut()),
            Self::Remote(publisher) => publish(&mut *publisher.borrow_mut()),
        }
    }
}
