//! The death of a worker, and the rest of its events.
//!
//! An event that it had not begun is given to another worker. One that it had begun and not finished is given once
//! more, marked as an attempt, unless the worker's death tells what the event's callback has done: after a fatal error
//! its connection is closed with 1011, and after `exit()` it counts as finished. An event that has cost two workers is
//! dropped, and its connection closed.

use std::{
    os::unix::process::ExitStatusExt,
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::{
    item::Item,
    run::Front,
    worker::{State, Worker},
};
use crate::{
    metrics::DeathReason,
    port::{CloseCode, ConnectionId, Event, LogLevel, Reject, Respond},
};

/// The way in which a worker died.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Death {
    /// It was told to go, and did.
    Retired,
    /// Its script has ended, or has called `exit()`.
    Exit(i32),
    /// A fatal error of PHP's, in its words.
    Fatal(String),
    /// A signal, or an end without a word; the front's reason, if it was the front.
    Killed(String),
}

impl Death {
    /// The reason as metrics name it; `None` for a worker that was told to go.
    fn reason(&self) -> Option<DeathReason> {
        match self {
            Self::Retired => None,
            Self::Exit(_) => Some(DeathReason::Exit),
            Self::Fatal(_) => Some(DeathReason::Fatal),
            Self::Killed(why) => Some(match why.as_str() {
                PROTOCOL => DeathReason::Protocol,
                TIMEOUT => DeathReason::Timeout,
                _ => DeathReason::Killed,
            }),
        }
    }

    /// The reason for the log: PHP's own words, where there are any.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Retired => "the script ended".to_owned(),
            Self::Exit(code) => format!("the script ended with status {code}"),
            Self::Fatal(error) => error.clone(),
            Self::Killed(why) => why.clone(),
        }
    }

    fn of(worker: &Worker, status: ExitStatus) -> Self {
        let code = status.code().unwrap_or(-1);
        match (&worker.last_words, worker.blamed) {
            (_, Some(NOT_NEEDED)) => Self::Retired,
            (_, Some(why)) => Self::Killed(why.to_owned()),
            (Some(Some(error)), None) => Self::Fatal(error.clone()),
            (Some(None), None) if worker.state >= State::Retiring => Self::Retired,
            (Some(None), None) => Self::Exit(code),
            (None, None) => match status.signal().map(Signal::try_from) {
                Some(Ok(signal)) => Self::Killed(signal.as_str().to_owned()),
                Some(Err(_)) => Self::Killed("a signal".to_owned()),
                None => Self::Killed(format!("it ended with status {code}")),
            },
        }
    }
}

impl Front {
    /// The process of a worker has ended.
    pub(super) fn worker_ended(&mut self, key: u64) {
        // The rest of its records. A child that it has forked could write more of them for ever.
        for _ in 0..MOST_TURNS {
            if !self.hear(key) {
                break;
            }
        }
        self.hear_last_words(key);
        let Some(place) = self.workers.iter().position(|worker| worker.key == key) else { return };
        let status = match self.workers.get_mut(place).map(|worker| worker.child.try_wait()) {
            Some(Ok(Some(status))) => status,
            Some(Ok(None)) | None => return,
            // The system has reaped it: this process was started with SIGCHLD ignored.
            Some(Err(_)) => ExitStatus::from_raw(Signal::SIGKILL as i32),
        };
        let mut worker = self.workers.swap_remove(place);
        self.watch.forget(&worker.process);
        self.watch.forget(&worker.socket);
        let death = Death::of(&worker, status);
        let unfinished = worker.lane.as_mut().map_or_else(Vec::new, |lane| lane.take_unfinished());
        self.report(&worker, &death, unfinished.len());
        death.reason().into_iter().for_each(|reason| self.counters.died(reason));
        self.worker_is_gone(&worker, &death);
        self.worker_has_detached(key);
        // The events that are held for a connection come after those that the worker has not finished.
        let clients = unfinished.iter().filter_map(|(item, _)| item.client());
        let held: Vec<_> =
            clients.flat_map(|client| std::mem::take(&mut *client.data.held.borrow_mut())).collect();
        for (item, was_begun) in unfinished {
            self.redeliver(item, was_begun, &death);
        }
        held.into_iter().for_each(|item| self.route(item));
        self.set_interests();
    }

    fn report(&mut self, worker: &Worker, death: &Death, events: usize) {
        let (index, pid) = (worker.index.to_string(), worker.child.id().to_string());
        let generation = worker.generation.to_string();
        if *death == Death::Retired {
            return;
        }
        let why = death.words();
        self.say(
            LogLevel::Error,
            "a worker has died and is replaced",
            [
                ("worker", &*index),
                ("pid", &pid),
                ("generation", &generation),
                ("reason", &why),
                ("unfinished events", &events.to_string()),
            ],
        );
    }

    fn redeliver(&mut self, mut item: Item, was_begun: bool, death: &Death) {
        let client = item.client().cloned();
        if let Some(client) = &client {
            client.data.outstanding.set(client.data.outstanding.get().saturating_sub(1));
        }
        // A worker that does not know the connection need not hear that it goes.
        let is_made = matches!(item.event, Event::Attach { .. } | Event::Detach { .. });
        let is_dropped = is_made
            || (was_begun
                && match death {
                    Death::Retired | Death::Exit(_) => true,
                    Death::Fatal(_) => self.refuse_event(&item, ""),
                    Death::Killed(_) if !self.hello.recycling.redeliver => {
                        self.counters.dropped.increment();
                        true
                    }
                    Death::Killed(_) if item.attempt >= MOST_ATTEMPTS => {
                        self.say(
                            LogLevel::Error,
                            "an event has cost two workers and is dropped",
                            [("event", kind(&item.event))],
                        );
                        self.refuse_event(&item, "poisoned")
                    }
                    Death::Killed(_) => {
                        self.counters.redelivered.increment();
                        item.attempt += 1;
                        false
                    }
                });
        if is_dropped {
            drop(item);
        } else {
            self.route(item);
        }
        if let Some(client) = client
            && client.data.outstanding.get() == 0
            && !client.data.held.borrow().is_empty()
        {
            self.move_on(&client);
        }
    }

    /// Ends the clients whose events wait, if no worker has taken events for a minute.
    pub(super) fn give_up_parked(&mut self, now: Instant) {
        if self.workers.iter().any(Worker::is_ready) {
            self.idle_since = None;
            return;
        }
        let since = *self.idle_since.get_or_insert(now);
        if now.duration_since(since) < WORKER_WAIT || self.parked.is_empty() {
            return;
        }
        let parked = std::mem::take(&mut self.parked);
        let events = parked.len().to_string();
        let message = "no worker takes events: the clients that wait for one are ended";
        self.say(LogLevel::Error, message, [("events", &*events)]);
        for item in parked {
            let id = item.client().map(|client| client.handle().id()).or_else(|| item.event.id());
            id.into_iter().for_each(|id| self.end_client(id, CloseCode::TRY_AGAIN_LATER, "no worker", 503));
        }
    }

    /// A worker has said that it ends.
    pub(super) fn worker_leaves(&mut self, key: u64, error: Option<String>) {
        let Some(worker) = self.worker_mut(key) else { return };
        worker.last_words = Some(error);
        // It takes no event any more, and its script may go on for ever.
        worker.deadline.get_or_insert(Instant::now() + LEAVE_TIME);
    }

    /// Ends the client of an event that cannot be handled. True: the event is dropped.
    fn refuse_event(&mut self, item: &Item, reason: &str) -> bool {
        match (&item.event, item.client()) {
            (Event::Handshake { id, .. } | Event::Request { id, .. }, _) => self.refuse(*id, reason),
            (_, Some(client)) => self.refuse(client.handle().id(), reason),
            _ => {}
        }
        true
    }

    /// Ends a client: its connection is closed, its handshake refused, or its request answered with an error.
    pub(super) fn refuse(&mut self, id: ConnectionId, reason: &str) {
        self.end_client(id, CloseCode::INTERNAL_ERROR, reason, 500);
    }

    fn end_client(&mut self, id: ConnectionId, code: u16, reason: &str, status: u16) {
        let mut publisher = self.publisher.borrow_mut();
        if let Some(connection) = publisher.connection(id) {
            return publisher.close(&connection, code, reason);
        }
        self.undecided.remove(&id);
        // It is one or the other, and a command for none does nothing.
        publisher.reject(id, Reject { status, body: Vec::new(), headers: Vec::new() });
        let _ = publisher.respond(id, Respond { status, ..Respond::default() });
    }
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Handshake { .. } => "handshake",
        Event::Request { .. } => "request",
        Event::Open { .. } => "open",
        Event::Message { .. } => "message",
        Event::Drain { .. } => "drain",
        Event::Close { .. } => "close",
        Event::Presence(_) => "presence",
        _ => "other",
    }
}

/// Time for which clients wait for a worker.
const WORKER_WAIT: Duration = Duration::from_secs(60);
/// Time for the script of a worker to end when it takes no event any more.
const LEAVE_TIME: Duration = Duration::from_secs(10);
/// The front's reasons to end a worker that have a name in the metrics.
pub(super) const PROTOCOL: &str = "it has sent rubbish";
/// The reason to end a worker that has not begun to serve.
pub(super) const NOT_NEEDED: &str = "it is not needed";
pub(super) const TIMEOUT: &str = "a callback has taken longer than handlerTimeout";
/// Turns in which the records of a dead worker are read: more than a lane can hold.
const MOST_TURNS: usize = 64;
/// Workers that one event may cost.
const MOST_ATTEMPTS: u8 = 2;
