//! The way of PHP objects to the network, for as long as their server runs.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::{Rc, Weak},
};

use ext_php_rs::types::Zval;

use super::rules::Rules;
use crate::{
    php::{
        classes::request::Request,
        zend::{
            fork,
            objects::Owned,
            thrown::{ExceptionKind, Thrown, throw},
        },
    },
    port::{ConnectionHandle, ConnectionId, Outgoing, PayloadTooBig, Publish, PublisherEnd, SendResult},
};

/// Shared by a server and the connections and handshakes that it made; cut once the run is over.
#[derive(Debug)]
pub(in crate::php) struct Link {
    /// The process of the threads; a forked child has none of them.
    birth: fork::Process,
    /// Never borrowed across a call into PHP.
    publisher: PublisherEnd,
    is_cut: Cell<bool>,
    /// Requests of handshakes that are not decided or whose open event is on its way.
    pub(in crate::php) waiting: RefCell<HashMap<ConnectionId, Owned<Request>>>,
    /// The rules belong to the server.
    rules: Weak<Rules>,
    max_topics: usize,
    max_tags: usize,
    max_response: usize,
}

impl Link {
    pub(in crate::php) fn new(publisher: PublisherEnd, rules: &Rc<Rules>) -> Self {
        let (max_topics, max_tags, max_response) = publisher
            .with(|publisher| (publisher.max_topics(), publisher.max_tags(), publisher.max_response_size()));
        Self {
            birth: fork::Process::current(),
            publisher,
            is_cut: Cell::new(false),
            waiting: RefCell::default(),
            rules: Rc::downgrade(rules),
            max_topics,
            max_tags,
            max_response,
        }
    }

    /// Calls `publish` with the publisher; `None` once the run is over.
    #[inline]
    pub(in crate::php) fn publish<R>(&self, publish: impl FnOnce(&mut dyn Publish) -> R) -> Option<R> {
        (!self.is_cut.get()).then(|| self.publisher.with(publish))
    }

    /// The same for a question. An exception is pending afterwards if this process is a worker whose front has not
    /// answered.
    pub(in crate::php) fn ask<R>(&self, ask: impl FnOnce(&mut dyn Publish) -> R) -> Option<R> {
        let answer = self.publish(ask);
        if self.publish(|publisher| publisher.take_unanswered()) == Some(true) {
            let _ = throw(ExceptionKind::State, "The front has not answered within a second");
        }
        answer
    }

    /// True until the run is over.
    pub(in crate::php) fn is_up(&self) -> bool {
        !self.is_cut.get()
    }

    /// Throws in a forked child.
    pub(in crate::php) fn check_process(&self) -> Result<(), Thrown> {
        check_process(self.birth)
    }

    /// Sends to one connection. `Err` if the payload can never fit.
    pub(in crate::php) fn send(
        &self,
        to: &ConnectionHandle,
        message: Outgoing<'_>,
    ) -> Result<SendResult, PayloadTooBig> {
        if self.is_cut.get() {
            return Ok(SendResult::Closed);
        }
        match self.publisher.send(to, message) {
            Err(_) if !to.is_open() => Ok(SendResult::Closed),
            result => result,
        }
    }

    /// True if a connection subscribes to the topic.
    pub(in crate::php) fn is_subscribed(&self, connection: &ConnectionHandle, topic: &str) -> bool {
        self.ask(|publisher| publisher.is_subscribed(connection, topic)) == Some(true)
    }

    /// The rules about topics; they are gone once the server is.
    pub(in crate::php) fn rules(&self) -> &Weak<Rules> {
        &self.rules
    }

    pub(in crate::php) fn max_topics(&self) -> usize {
        self.max_topics
    }

    pub(in crate::php) fn max_tags(&self) -> usize {
        self.max_tags
    }

    /// Bytes of the body and the headers of an HTTP response.
    pub(in crate::php) fn max_response(&self) -> usize {
        self.max_response
    }

    /// Ends it: from now on every connection is closed to PHP. Gives the PHP values that were held.
    #[must_use]
    pub(in crate::php) fn cut(&self) -> Vec<Zval> {
        self.is_cut.set(true);
        self.waiting.take().into_values().map(Owned::into_zval).collect()
    }
}

/// Throws if this is a fork of the process in which `birth` was.
pub(in crate::php) fn check_process(birth: fork::Process) -> Result<(), Thrown> {
    if birth == fork::Process::current() {
        return Ok(());
    }
    Err(throw(
        ExceptionKind::State,
        "The server belongs to the process that made it; this one was forked from that process and cannot use it",
    ))
}
