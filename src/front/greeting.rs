//! The beginning of a worker: its process, its options, and its shared memory.

use std::{
    os::fd::{AsFd, AsRawFd},
    process::ExitStatus,
    time::Instant,
};

use super::{
    run::{Front, FrontError},
    spawn::spawn,
    watch::{Watch, Woke},
    worker::{CAPACITY, Lane, State, Worker},
};
use crate::{
    port::{Interests, LogLevel},
    wire::{self, Door, FirstWords, Hello, Incoming, Welcome},
};

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
                Woke::Spoke(_) => match worker.incoming.read::<FirstWords>(&mut worker.socket) {
                    Ok(Some(Ok(hello))) => return Ok(Ok((worker, hello))),
                    Ok(None) => {}
                    // PHP has printed the error.
                    Ok(Some(Err(_))) | Err(_) => watch.forget(&worker.socket),
                },
                Woke::Ended(_) => return Ok(Err(worker.child.wait()?)),
                Woke::Bell | Woke::Managed => {}
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
        is_broken: false,
        has_detached: false,
        given: 0,
        asked_for_place: None,
        busy: None,
    })
}

impl Front {
    /// Takes the worker that has said its options first, and starts the others.
    pub(super) fn greet_first(&mut self) -> Result<(), FrontError> {
        self.generations.set_first(0, FIRST);
        let (interests, has_logger) = (self.hello.interests, self.hello.has_logger);
        self.greet(FIRST, interests, has_logger)?;
        for index in 1..self.generations.size() {
            let key = self.start_worker(index, 1)?;
            self.generations.set_first(index, key);
        }
        Ok(())
    }

    pub(super) fn start_worker(&mut self, index: usize, generation: u64) -> Result<u64, FrontError> {
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
        let said = worker.incoming.read::<FirstWords>(&mut worker.socket);
        match said {
            Ok(None) => {}
            Ok(Some(Err(error))) => {
                worker.last_words = Some(Some(error));
                self.watch.forget(&worker.socket);
            }
            Ok(Some(Ok(hello))) => {
                if hello.version != self.hello.version {
                    worker.kill("another version");
                    let message =
                        "a worker has another version of the extension: restart the server to update it";
                    return self.say(LogLevel::Warning, message, [("version", &*hello.version)]);
                }
                let generation = worker.generation;
                self.warn_of_changes(generation, &hello);
                if let Err(error) = self.greet(key, hello.interests, hello.has_logger) {
                    self.say(LogLevel::Error, "a worker cannot be served", [("reason", &*error.to_string())]);
                    self.worker_mut(key).into_iter().for_each(|worker| worker.kill("no memory"));
                }
                self.set_interests();
            }
            Err(_) => self.watch.forget(&worker.socket),
        }
    }

    /// The process of a worker has ended: reads the error that it may have sent instead of its options.
    pub(super) fn hear_last_words(&mut self, key: u64) {
        let worker = self.worker_mut(key).filter(|worker| worker.state == State::Starting);
        if let Some(worker) = worker
            && let Ok(Some(Err(error))) = worker.incoming.read::<FirstWords>(&mut worker.socket)
        {
            worker.last_words = Some(Some(error));
        }
    }

    /// The options of the front are those of its first worker.
    fn warn_of_changes(&mut self, generation: u64, hello: &Hello) {
        let form = |hello: &Hello| {
            postcard::to_allocvec(&(&hello.config, hello.workers, &hello.recycling)).unwrap_or_default()
        };
        let is_known = std::mem::replace(&mut self.generations.warned, generation) == generation;
        if !is_known && form(hello) != form(&self.hello) {
            self.say(
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
            workers: front.generations.size(),
            generation: worker.generation,
            is_leader: worker.is_leader,
            addresses: front.server.addresses().to_vec(),
            limits: front.hello.config.limits.clone(),
            shards: front.server.shards(),
            capacity: CAPACITY,
            gauges: front.gauges.places(),
        };
        let mut lane = Lane::create(self.most_record)?;
        let has_leader = self.workers.iter().any(|worker| worker.is_leader);
        let number = self.generations.number;
        let Some(worker) = self.worker_mut(key) else { return Ok(()) };
        // Later ones become the leader when there is none any more.
        worker.is_leader = !has_leader && worker.index == 0 && worker.generation == number;
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
}

/// The key of the first worker.
const FIRST: u64 = 1;
