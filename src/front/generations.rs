//! Which workers there are: starting them, replacing those that die or are old, and whole new generations.
//!
//! A new worker is ready before the one that it replaces is told to go. A reload that fails changes nothing: the old
//! generation goes on.

use std::{
    os::fd::{AsFd, AsRawFd},
    process::ExitStatus,
    time::{Duration, Instant},
};

use super::{
    deaths::Death,
    front::{Front, FrontError},
    spawn::spawn,
    watch::{Watch, Woke},
    worker::{Lane, State, Worker},
};
use crate::{
    log,
    metrics::{Figure, MetricKind},
    port::{Interests, LogLevel},
    wire::{self, Door, Hello, Incoming, Order, Welcome},
};

/// The workers that there shall be.
#[derive(Debug)]
pub(super) struct Generations {
    /// The generation that serves.
    number: u64,
    slots: Vec<Slot>,
    reload: Option<Reload>,
    /// True if a reload was asked for while another one was on.
    again: bool,
    deaths: u64,
    dropped: u64,
    reloads: u64,
    failed_reloads: u64,
}

/// The place of one worker.
#[derive(Debug, Default)]
struct Slot {
    /// The worker that serves, or is about to.
    current: Option<u64>,
    /// The one that replaces it when it is ready.
    coming: Option<u64>,
    /// Workers in a row that died before they were ready, or soon after.
    failures: u32,
    /// When the next one is started.
    due: Option<Instant>,
}

/// A generation that is about to serve.
#[derive(Debug)]
struct Reload {
    number: u64,
    /// Its workers, in the order of the slots.
    keys: Vec<u64>,
    since: Instant,
}

impl Generations {
    pub(super) fn new(count: usize) -> Self {
        Self {
            number: 1,
            slots: (0..count).map(|_| Slot::default()).collect(),
            reload: None,
            again: false,
            deaths: 0,
            dropped: 0,
            reloads: 0,
            failed_reloads: 0,
        }
    }

    /// The number of workers.
    pub(super) fn count(&self) -> usize {
        self.slots.len()
    }

    /// True if every slot has a worker that does not wait to be started again.
    pub(super) fn is_complete(&self) -> bool {
        self.slots.iter().all(|slot| slot.current.is_some() && slot.failures == 0)
    }

    pub(super) fn count_death(&mut self, death: &Death) {
        if *death != Death::Retired {
            self.deaths += 1;
        }
    }

    pub(super) fn count_dropped(&mut self) {
        self.dropped += 1;
    }

    /// The figures about workers.
    pub(super) fn figures(&self) -> Vec<Figure> {
        let figure = |name, help, kind, value: u64| Figure {
            name,
            help,
            kind,
            value: i64::try_from(value).unwrap_or(i64::MAX),
        };
        let counter = MetricKind::Counter;
        vec![
            figure("ferrite_workers", "Workers that there shall be.", MetricKind::Gauge, self.slots.len() as u64),
            figure("ferrite_worker_generation", "The generation that serves.", MetricKind::Gauge, self.number),
            figure("ferrite_worker_deaths_total", "Workers that died.", counter, self.deaths),
            figure("ferrite_events_dropped_total", "Events that died with a worker.", counter, self.dropped),
            figure("ferrite_reloads_total", "New generations that serve or have served.", counter, self.reloads),
            figure("ferrite_reloads_failed_total", "Reloads that changed nothing.", counter, self.failed_reloads),
        ]
    }
}

/// Starts the first worker and waits for its options. `Err` with its status if it ends before.
pub(super) fn first_worker(
    door: &Door,
    watch: &Watch,
) -> Result<Result<(Worker, Hello), ExitStatus>, FrontError> {
    let mut worker = start(door, watch, FIRST, 0, 1)?;
    loop {
        for woke in watch.look(true) {
            match woke {
                Woke::Signal(_) => worker.kill("a signal"),
                Woke::Spoke(_) => match worker.incoming.read::<Hello>(&mut worker.socket) {
                    Ok(Some(hello)) => return Ok(Ok((worker, hello))),
                    Ok(None) => {}
                    Err(_) => watch.forget(&worker.socket),
                },
                Woke::Ended(_) => return Ok(Err(worker.child.wait()?)),
                Woke::Bell => {}
            }
        }
    }
}

fn start(door: &Door, watch: &Watch, key: u64, index: usize, generation: u64) -> Result<Worker, FrontError> {
    let spawned = spawn(door).map_err(FrontError::Spawn)?;
    let process = watch.add(key, spawned.child.id(), &spawned.socket)?;
    Ok(Worker {
        key,
        index,
        generation,
        state: State::Starting,
        child: spawned.child,
        socket: spawned.socket,
        incoming: Incoming::default(),
        process,
        lane: None,
        interests: Interests::NONE,
        has_logger: false,
        is_leader: false,
        last_words: None,
        blamed: None,
        started: Instant::now(),
        deadline: None,
        connections: 0,
    })
}

impl Front {
    /// Takes the worker that has said its options first, and starts the others.
    pub(super) fn greet_first(&mut self) -> Result<(), FrontError> {
        if let Some(slot) = self.generations.slots.first_mut() {
            slot.current = Some(FIRST);
        }
        let (interests, has_logger) = (self.hello.interests, self.hello.has_logger);
        self.greet(FIRST, interests, has_logger)?;
        for index in 1..self.generations.count() {
            let key = self.start_worker(index, 1)?;
            if let Some(slot) = self.generations.slots.get_mut(index) {
                slot.current = Some(key);
            }
        }
        Ok(())
    }

    fn start_worker(&mut self, index: usize, generation: u64) -> Result<u64, FrontError> {
        let key = self.last_key + 1;
        let worker = start(&self.door, &self.watch, key, index, generation)?;
        self.last_key = key;
        self.workers.push(worker);
        Ok(key)
    }

    /// A worker has written to its socket: its options, or nothing more.
    pub(super) fn worker_spoke(&mut self, key: u64) {
        let Some(worker) = self.workers.iter_mut().find(|worker| worker.key == key) else { return };
        if worker.state != State::Starting {
            // It has closed its end; its process tells how it goes.
            self.watch.forget(&worker.socket);
            return;
        }
        let said = worker.incoming.read::<Hello>(&mut worker.socket);
        match said {
            Ok(None) => {}
            Ok(Some(hello)) => {
                if hello.version != self.hello.version {
                    log::line(
                        LogLevel::Warning,
                        "a worker has another version of the extension: restart the server to update it",
                        [("version", &*hello.version)],
                    );
                    worker.kill("another version");
                    return;
                }
                self.warn_of_changes(&hello);
                if let Err(error) = self.greet(key, hello.interests, hello.has_logger) {
                    log::line(LogLevel::Error, "a worker cannot be served", [("reason", &*error.to_string())]);
                    self.worker_mut(key).into_iter().for_each(|worker| worker.kill("no memory"));
                }
                self.set_interests();
            }
            Err(_) => self.watch.forget(&worker.socket),
        }
    }

    /// The options of the front are those of its first worker.
    fn warn_of_changes(&self, hello: &Hello) {
        let form = |hello: &Hello| postcard::to_allocvec(&hello.config).unwrap_or_default();
        if form(hello) != form(&self.hello) {
            log::line(
                LogLevel::Warning,
                "options of the server have changed: they take effect when it is restarted",
                [],
            );
        }
    }

    /// Gives a worker its shared memory.
    fn greet(&mut self, key: u64, interests: Interests, has_logger: bool) -> Result<(), FrontError> {
        let welcome = |worker: &Worker, front: &Self| Welcome {
            index: worker.index,
            workers: front.generations.count(),
            generation: worker.generation,
            is_leader: worker.is_leader,
            addresses: front.server.addresses().to_vec(),
            ceiling: front.server.ceiling(),
            shards: front.server.shards(),
            capacity: super::worker::CAPACITY,
            gauges: front.gauges.places(),
        };
        let mut lane = Lane::create(self.most_record)?;
        let has_leader = self.workers.iter().any(|worker| worker.is_leader);
        let Some(worker) = self.worker_mut(key) else { return Ok(()) };
        // Later ones become the leader when there is none any more.
        worker.is_leader = !has_leader && worker.index == 0;
        let Some(worker) = self.worker(key) else { return Ok(()) };
        let welcome = welcome(worker, self);
        let bell = self.watch.bell();
        let table = self.gauges.descriptor().as_fd().as_raw_fd();
        let Some(worker) = self.worker_mut(key) else { return Ok(()) };
        if let Some([makers, peers, wake]) = lane.descriptors() {
            // Small, so the socket takes it whole.
            wire::send(&mut worker.socket, &welcome, &[makers, peers, wake, bell.as_raw_fd(), table])?;
        }
        lane.sent();
        worker.lane = Some(lane);
        worker.state = State::Greeted;
        worker.interests = interests;
        worker.has_logger = has_logger;
        Ok(())
    }

    /// A worker's `onStart` has returned.
    pub(super) fn worker_ready(&mut self, key: u64) {
        let Some(worker) = self.worker_mut(key).filter(|worker| worker.state == State::Greeted) else { return };
        worker.state = State::Ready;
        let (index, took) = (worker.index, worker.started.elapsed());
        if self.generations.reload.as_ref().is_some_and(|reload| reload.keys.contains(&key)) {
            self.finish_reload();
        } else if let Some(slot) = self.generations.slots.get_mut(index)
            && slot.coming == Some(key)
        {
            slot.coming = None;
            slot.failures = 0;
            let old = slot.current.replace(key);
            old.into_iter().for_each(|old| self.retire(old));
        } else if let Some(slot) = self.generations.slots.get_mut(index) {
            slot.failures = 0;
        }
        let _ = took;
        self.choose_leader();
        self.unpark();
    }

    /// Starts a new generation. If it does not get ready, the old one goes on.
    pub(super) fn reload(&mut self) {
        if let Some(certificates) = self.server.certificates()
            && let Err(error) = certificates.reload()
        {
            log::line(LogLevel::Error, "the certificates are not read again", [("reason", &*error.to_string())]);
        }
        if self.consumer.stopping().is_some() {
            return;
        }
        if self.generations.reload.is_some() {
            self.generations.again = true;
            return;
        }
        let number = self.generations.number + 1;
        let mut keys = Vec::new();
        for index in 0..self.generations.count() {
            match self.start_worker(index, number) {
                Ok(key) => keys.push(key),
                Err(error) => {
                    self.generations.reload = Some(Reload { number, keys, since: Instant::now() });
                    return self.give_reload_up(&error.to_string());
                }
            }
        }
        self.generations.reload = Some(Reload { number, keys, since: Instant::now() });
    }

    /// If every worker of the new generation is ready, it serves from here on.
    fn finish_reload(&mut self) {
        let workers = &self.workers;
        let is_ready = |key: &u64| workers.iter().any(|worker| worker.key == *key && worker.is_ready());
        let Some(reload) = self.generations.reload.take_if(|reload| reload.keys.iter().all(is_ready)) else {
            return;
        };
        self.generations.number = reload.number;
        self.generations.reloads += 1;
        let mut old = Vec::new();
        for (slot, key) in self.generations.slots.iter_mut().zip(&reload.keys) {
            old.extend(slot.current.replace(*key));
            old.extend(slot.coming.take());
            *slot = Slot { current: Some(*key), ..Slot::default() };
        }
        old.into_iter().for_each(|key| self.retire(key));
        let (number, took) = (reload.number, reload.since.elapsed().as_secs_f64());
        log::line(LogLevel::Info, &format!("reloaded: generation {number} serves after {took:.3} s"), []);
        if std::mem::take(&mut self.generations.again) {
            self.reload();
        }
    }

    /// The new generation does not serve.
    fn give_reload_up(&mut self, why: &str) {
        let Some(reload) = self.generations.reload.take() else { return };
        self.generations.failed_reloads += 1;
        let number = self.generations.number.to_string();
        log::line(
            LogLevel::Error,
            "the reload has failed and changes nothing",
            [("reason", why), ("generation", &number)],
        );
        for key in reload.keys {
            self.worker_mut(key).into_iter().for_each(|worker| worker.kill("its generation was given up"));
        }
        if std::mem::take(&mut self.generations.again) {
            self.reload();
        }
    }

    /// A worker shall be replaced: a new one gets ready first.
    pub(super) fn replace(&mut self, key: u64) {
        if self.consumer.stopping().is_some() {
            return;
        }
        let place = self.generations.slots.iter().position(|slot| slot.current == Some(key));
        let Some(index) = place else { return };
        if self.generations.slots.get(index).is_none_or(|slot| slot.coming.is_some()) {
            return;
        }
        let started = self.start_worker(index, self.generations.number);
        if let (Ok(key), Some(slot)) = (started, self.generations.slots.get_mut(index)) {
            slot.coming = Some(key);
        }
    }

    /// A worker gets no new connections; it goes once it has finished what it has.
    fn retire(&mut self, key: u64) {
        let Some(worker) = self.worker_mut(key) else { return };
        match worker.state {
            State::Ready => worker.state = State::Retiring,
            State::Starting | State::Greeted => worker.kill("it is not needed"),
            State::Retiring | State::Leaving => {}
        }
    }

    /// A worker's process is gone.
    pub(super) fn worker_is_gone(&mut self, worker: &Worker, death: &Death) {
        let was_ready = worker.state >= State::Ready;
        if self.generations.reload.as_ref().is_some_and(|reload| reload.keys.contains(&worker.key)) {
            let why = match death {
                Death::Fatal(error) => error.clone(),
                Death::Killed(why) => why.clone(),
                Death::Exit(code) => format!("the script ended with status {code}"),
                Death::Retired => "the script ended".to_owned(),
            };
            self.give_reload_up(&why);
        }
        let now = Instant::now();
        let lived = now.duration_since(worker.started);
        if let Some(slot) = self.generations.slots.get_mut(worker.index) {
            if slot.coming == Some(worker.key) {
                slot.coming = None;
            } else if slot.current == Some(worker.key) {
                slot.current = None;
                slot.failures = if was_ready && lived > SHORT_LIFE { 0 } else { slot.failures + 1 };
                slot.due = Some(now + back_off(slot.failures));
            }
        }
        self.choose_leader();
        self.look_now();
    }

    /// Exactly one worker is the leader, from the time when its predecessor has gone.
    fn choose_leader(&mut self) {
        if self.workers.iter().any(|worker| worker.is_leader) {
            return;
        }
        let ready = self.workers.iter_mut().filter(|worker| worker.is_ready());
        if let Some(leader) = ready.min_by_key(|worker| worker.index) {
            leader.is_leader = true;
            leader.order(&Order::Lead(true));
            self.unpark();
        }
    }

    /// Starts the workers that are due, and ends those that have had their time.
    pub(super) fn care(&mut self, now: Instant) {
        for index in 0..self.generations.count() {
            let is_due = |slot: &Slot| slot.current.is_none() && slot.due.is_none_or(|due| now >= due);
            if self.consumer.stopping().is_some() || !self.generations.slots.get(index).is_some_and(is_due) {
                continue;
            }
            let started = self.start_worker(index, self.generations.number);
            let Some(slot) = self.generations.slots.get_mut(index) else { continue };
            match started {
                Ok(key) => slot.current = Some(key),
                Err(error) => {
                    slot.failures += 1;
                    slot.due = Some(now + back_off(slot.failures));
                    let reason = error.to_string();
                    log::line(LogLevel::Error, "a worker cannot be started", [("reason", &*reason)]);
                }
            }
        }
        for worker in &mut self.workers {
            if worker.state == State::Retiring && worker.load() == 0 {
                worker.order(&Order::Retire);
                worker.state = State::Leaving;
                worker.deadline = Some(now + RETIRE_TIME);
            }
            if worker.deadline.is_some_and(|deadline| now >= deadline) {
                worker.deadline = None;
                worker.kill("it did not end in time");
            }
        }
    }
}

/// Time before a worker is started again after so many failures in a row.
fn back_off(failures: u32) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        more => (FIRST_BACK_OFF * 2_u32.saturating_pow((more - 2).min(10))).min(LONGEST_BACK_OFF),
    }
}

/// The key of the first worker.
const FIRST: u64 = 1;
const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5);
/// A worker that dies sooner than this counts as one that does not get ready.
const SHORT_LIFE: Duration = Duration::from_secs(1);
/// Time for a worker to go that has finished all events.
const RETIRE_TIME: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_do_not_get_ready_are_started_ever_more_slowly() {
        let waits: Vec<_> = (0..10).map(|failures| back_off(failures).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
    }
}
