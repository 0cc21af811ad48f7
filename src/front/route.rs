//! Giving events to workers.
//!
//! A connection belongs to one worker. It moves only while that worker has finished all of its events: until then its
//! further events are held, so its events are handled in order and never two at once.

use std::rc::Rc;

use super::{
    item::{Client, Item},
    run::Front,
    worker::{State, Worker},
};
use crate::{
    log,
    port::{Delivery, Event, LogLevel, LogRecord, Opened},
    wire::About,
};

impl Front {
    /// Takes an event of the server.
    pub(super) fn deliver(&mut self, Delivery { event, receipt }: Delivery<super::item::ClientState>) {
        // The way of nearly all events.
        if let (Event::Message { .. }, Some(client)) = (&event, receipt.connection())
            && client.data.is_known.get()
            && client.data.held.borrow().is_empty()
            && let Some(worker) = self.worker_mut(client.data.worker.get())
            && worker.is_ready()
            && let Some(lane) = &mut worker.lane
        {
            client.data.outstanding.set(client.data.outstanding.get() + 1);
            return lane.event(Item::new(event, receipt), None);
        }
        match &event {
            Event::Stopped { shard, panic } => {
                if let Some(panic) = panic {
                    self.panicked = true;
                    let shard = shard.to_string();
                    let context = [("shard", &*shard), ("panic", panic)];
                    self.say(LogLevel::Error, "a network thread has panicked; the server stops", context);
                }
                return;
            }
            Event::Log(_) => return self.log(Item::new(event, receipt)),
            Event::Open { opened, .. } => {
                if let Some(client) = receipt.connection() {
                    client.data.protocol.replace(opened.protocol.clone());
                    client.data.user.replace(opened.user.clone());
                }
            }
            _ => {}
        }
        self.route(Item::new(event, receipt));
    }

    /// Gives an event to its worker, or keeps it until it can be given.
    pub(super) fn route(&mut self, item: Item) {
        match item.client().cloned() {
            Some(client) => self.route_of_client(&client, item),
            None => self.route_of_none(item),
        }
    }

    /// Gives the parked events, now that there is a worker.
    pub(super) fn unpark(&mut self) {
        for item in std::mem::take(&mut self.parked) {
            self.route(item);
        }
    }

    /// A worker has finished an event.
    pub(super) fn settle(&mut self, item: Item) {
        let client = item.client().cloned();
        let is_last = matches!(item.event, Event::Close { .. } | Event::Detach { .. });
        // Here the event's debts are settled.
        drop(item);
        let Some(client) = client else { return };
        if is_last && let Some(worker) = self.worker_mut(client.data.worker.get()) {
            worker.connections = worker.connections.saturating_sub(1);
        }
        let outstanding = client.data.outstanding.get().saturating_sub(1);
        client.data.outstanding.set(outstanding);
        if outstanding == 0 && !client.data.held.borrow().is_empty() {
            self.move_on(&client);
        }
    }

    /// A worker has released all its connections, or is gone: those whose events wait for that move on.
    pub(super) fn worker_has_detached(&mut self, key: u64) {
        if let Some(worker) = self.worker_mut(key) {
            worker.has_detached = true;
            // It runs no repeated timer any more.
            worker.is_leader = false;
        }
        self.choose_leader();
        let of_worker = |client: &mut Rc<Client>| client.data.worker.get() == key;
        for client in self.detaching.extract_if(.., of_worker).collect::<Vec<_>>() {
            self.move_on(&client);
        }
    }

    fn has_detached(&self, key: u64) -> bool {
        self.worker(key).is_none_or(|worker| worker.has_detached)
    }

    /// Moves a connection whose events are all finished, and for which others are held.
    pub(super) fn move_on(&mut self, client: &Rc<Client>) {
        if let Some(worker) = self.worker(client.data.worker.get())
            && worker.state == State::Retiring
            && client.data.is_known.get()
        {
            // Its last event there; the rest comes when that is finished.
            client.data.is_known.set(false);
            let id = client.handle().id();
            self.give(client, Item::made(Event::Detach { id }, client.clone()));
            return;
        }
        let held = std::mem::take(&mut *client.data.held.borrow_mut());
        held.into_iter().for_each(|item| self.route(item));
    }

    fn route_of_client(&mut self, client: &Rc<Client>, item: Item) {
        let data = &client.data;
        // A close waits until the events before it are finished: subscribers are notified of the leave after all that
        // their callbacks have sent, and before `onClose`.
        let is_early = matches!(item.event, Event::Close { .. }) && data.outstanding.get() > 0;
        if is_early || !data.held.borrow().is_empty() {
            data.held.borrow_mut().push_back(item);
            return;
        }
        match self.worker(data.worker.get()).map(|worker| worker.state) {
            Some(State::Ready) => return self.introduce(client, item, false),
            Some(State::Retiring) if data.is_known.get() || data.outstanding.get() > 0 => {
                data.held.borrow_mut().push_back(item);
                if data.outstanding.get() == 0 {
                    self.move_on(client);
                }
                return;
            }
            // It calls `onDetach` for all its connections, which can still change their attributes.
            Some(State::Leaving) if data.is_known.get() && !self.has_detached(data.worker.get()) => {
                data.held.borrow_mut().push_back(item);
                self.detaching.push(client.clone());
                return;
            }
            _ => {}
        }
        // The worker that has decided about a handshake gets the connection, if it can.
        let decided = self.undecided.remove(&client.handle().id());
        let ready = decided.and_then(|key| self.worker(key)).filter(|worker| worker.is_ready());
        let Some(key) = ready.map(|worker| worker.key).or_else(|| self.least_loaded()) else {
            self.parked.push_back(item);
            return;
        };
        data.worker.set(key);
        data.is_known.set(false);
        if let Some(worker) = self.worker_mut(key) {
            worker.connections += 1;
            worker.given += 1;
        }
        self.introduce(client, item, decided == Some(key));
    }

    /// Gives an event to the connection's worker, which gets to know the connection before. `has_request` is true if the
    /// worker has seen the connection's request with its handshake.
    fn introduce(&mut self, client: &Rc<Client>, mut item: Item, has_request: bool) {
        if !client.data.is_known.replace(true) {
            let handle = client.handle();
            let request = || handle.request().map(|request| (*request).clone());
            match &mut item.event {
                Event::Open { opened, .. } => {
                    if opened.request.is_none() && !has_request {
                        opened.request = request();
                    }
                }
                _ => {
                    let opened = Opened {
                        request: request(),
                        protocol: client.data.protocol.borrow().clone(),
                        user: client.data.user.borrow().clone(),
                    };
                    let attach = Event::Attach { id: handle.id(), opened: Box::new(opened) };
                    self.give(client, Item::made(attach, client.clone()));
                }
            }
        }
        self.give(client, item);
    }

    fn give(&mut self, client: &Rc<Client>, mut item: Item) {
        if let (Event::Close { .. }, Some(receipt)) = (&item.event, &mut item.receipt) {
            receipt.forget();
            self.consumer.announce_due();
        }
        let key = client.data.worker.get();
        let about = match &item.event {
            Event::Open { .. } | Event::Attach { .. } => {
                let handle = client.handle();
                let (topics, tags) = (handle.topics().len(), handle.tags().len());
                let attributes = handle.attributes();
                Some(Box::new(About { gauges: handle.gauge().place(), topics, tags, attributes }))
            }
            _ => None,
        };
        if let Some(lane) = self.worker_mut(key).and_then(|worker| worker.lane.as_mut()) {
            client.data.outstanding.set(client.data.outstanding.get() + 1);
            lane.event(item, about);
        }
    }

    fn route_of_none(&mut self, item: Item) {
        let id = match &item.event {
            Event::Handshake { id, .. }
            | Event::HandshakeGone { id }
            | Event::Request { id, .. }
            | Event::RequestGone { id } => Some(*id),
            _ => None,
        };
        let key = match (&item.event, id) {
            (Event::Handshake { .. } | Event::Request { .. }, _) => self.least_loaded(),
            (_, Some(id)) => match self.undecided.remove(&id) {
                Some(key) => Some(key),
                // No worker has seen it.
                None => return,
            },
            (Event::Log(_), None) => return self.log(item),
            (_, None) => self.workers.iter().find(|worker| worker.is_leader).map(|worker| worker.key),
        };
        let Some(key) = key else {
            self.parked.push_back(item);
            return;
        };
        if let (Event::Handshake { .. } | Event::Request { .. }, Some(id)) = (&item.event, id) {
            self.undecided.insert(id, key);
        }
        let Some(worker) = self.worker_mut(key) else { return };
        worker.given += 1;
        if let Some(lane) = &mut worker.lane {
            lane.event(item, None);
        }
    }

    /// Logs what the front has to say.
    pub(super) fn say<'a>(
        &mut self,
        level: LogLevel,
        message: &str,
        context: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) {
        let context = context.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.tell(&LogRecord { level, message: message.to_owned(), context: context.collect() });
    }

    /// Logs a record of the front's.
    pub(super) fn tell(&mut self, record: &LogRecord) {
        let record = record.clone();
        self.log(Item::alone(Event::Log(Box::new(record))));
    }

    /// A record for the log: for the script's logger, in the leader.
    fn log(&mut self, item: Item) {
        let Event::Log(record) = &item.event else { return };
        let leader = self.workers.iter_mut().find(|worker| worker.is_leader && worker.has_logger);
        match leader.and_then(|worker| worker.lane.as_mut()) {
            Some(lane) => lane.event(item, None),
            None => {
                let context = record.context.iter().map(|(key, value)| (key.as_str(), value.as_str()));
                log::line(record.level, &record.message, context);
            }
        }
    }

    pub(super) fn worker(&self, key: u64) -> Option<&Worker> {
        self.workers.iter().find(|worker| worker.key == key)
    }

    pub(super) fn worker_mut(&mut self, key: u64) -> Option<&mut Worker> {
        self.workers.iter_mut().find(|worker| worker.key == key)
    }

    /// The worker for a new connection.
    fn least_loaded(&self) -> Option<u64> {
        let takes_more = |worker: &&Worker| worker.is_ready() && worker.last_words.is_none();
        let ready = self.workers.iter().filter(takes_more);
        ready.min_by_key(|worker| (worker.load(), worker.connections, worker.given)).map(|worker| worker.key)
    }
}
