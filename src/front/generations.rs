//! The set of workers: starting them, replacing those that die or are old, and whole new generations.
//!
//! A new worker is ready before the one that it replaces is told to go. A reload that fails changes nothing: the old
//! generation goes on.

use std::time::{Duration, Instant};

use super::{
    deaths::{Death, NOT_NEEDED},
    run::Front,
    worker::{State, Worker},
};
use crate::{metrics::WorkerCounters, port::LogLevel, wire::Order};

/// The workers that there shall be.
#[derive(Debug)]
pub(super) struct Generations {
    /// The generation that serves.
    pub(super) number: u64,
    pub(super) slots: Vec<Slot>,
    pub(super) reload: Option<Reload>,
    /// True once a worker has got ready.
    pub(super) has_served: bool,
    /// The generation for which changed options were reported last.
    pub(super) warned: u64,
    /// The reason for which the front gives up.
    pub(super) hopeless: Option<String>,
    /// True if a reload was asked for while another one was on.
    pub(super) again: bool,
}

/// The place of one worker.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The worker that serves, or is about to.
    pub(super) current: Option<u64>,
    /// The one that replaces it when it is ready.
    pub(super) coming: Option<u64>,
    /// Workers in a row that died before they were ready, or soon after.
    pub(super) failures: u32,
    /// When the next one is started.
    pub(super) due: Option<Instant>,
}

/// A generation that is about to serve.
#[derive(Debug)]
pub(super) struct Reload {
    pub(super) number: u64,
    /// Its workers, in the order of the slots.
    pub(super) keys: Vec<u64>,
    pub(super) since: Instant,
}

impl Generations {
    pub(super) fn new(count: usize) -> Self {
        let slots = (0..count).map(|_| Slot::default()).collect();
        Self { number: 1, slots, reload: None, has_served: false, warned: 0, hopeless: None, again: false }
    }

    /// The first worker of a slot.
    pub(super) fn set_first(&mut self, index: usize, key: u64) {
        if let Some(slot) = self.slots.get_mut(index) {
            slot.current = Some(key);
        }
    }

    /// The number of workers.
    pub(super) fn size(&self) -> usize {
        self.slots.len()
    }

    /// True if every slot has a worker that does not wait to be started again.
    pub(super) fn is_complete(&self) -> bool {
        self.slots.iter().all(|slot| slot.current.is_some() && slot.failures == 0)
    }

    /// Shows how many there are.
    pub(super) fn count(&self, counters: &WorkerCounters) {
        counters.wanted.set(self.slots.len() as u64);
        counters.generation.set(self.number);
    }
}

impl Front {
    /// A worker's `onStart` has returned.
    pub(super) fn worker_ready(&mut self, key: u64) {
        let Some(worker) = self.worker_mut(key).filter(|worker| worker.state == State::Greeted) else {
            return;
        };
        worker.state = State::Waiting;
        let (index, took) = (worker.index, worker.started.elapsed());
        self.generations.has_served = true;
        self.counters.ready_milliseconds.set(u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
        if self.generations.reload.as_ref().is_some_and(|reload| reload.keys.contains(&key)) {
            self.finish_reload();
            return;
        }
        self.worker_mut(key).into_iter().for_each(|worker| worker.state = State::Ready);
        if let Some(slot) = self.generations.slots.get_mut(index)
            && slot.coming == Some(key)
        {
            slot.coming = None;
            slot.failures = 0;
            let old = slot.current.replace(key);
            old.into_iter().for_each(|old| self.retire(old));
        } else if let Some(slot) = self.generations.slots.get_mut(index) {
            slot.failures = 0;
        }
        self.count_ready();
        self.choose_leader();
        self.unpark();
    }

    /// Has a worker replaced: a new one gets ready first. False if that is on already, or cannot be.
    pub(super) fn replace(&mut self, key: u64) -> bool {
        if self.consumer.stopping().is_some() {
            return false;
        }
        let slots = &self.generations.slots;
        let now = Instant::now();
        let place = slots.iter().position(|slot| {
            slot.current == Some(key) && slot.coming.is_none() && slot.due.is_none_or(|due| now >= due)
        });
        let Some(index) = place else { return false };
        let started = self.start_worker(index, self.generations.number);
        let (Ok(key), Some(slot)) = (started, self.generations.slots.get_mut(index)) else { return false };
        slot.coming = Some(key);
        true
    }

    /// A worker gets no new connections; it goes once it has finished what it has.
    pub(super) fn retire(&mut self, key: u64) {
        let Some(worker) = self.worker_mut(key) else { return };
        match worker.state {
            State::Ready => worker.state = State::Retiring,
            State::Starting | State::Greeted | State::Waiting => worker.kill(NOT_NEEDED),
            State::Retiring | State::Leaving => {}
        }
    }

    /// A worker's process is gone.
    pub(super) fn worker_is_gone(&mut self, worker: &Worker, death: &Death) {
        let was_ready = worker.state >= State::Ready;
        if self.generations.reload.as_ref().is_some_and(|reload| reload.keys.contains(&worker.key)) {
            self.give_reload_up(&death.words());
        }
        let now = Instant::now();
        let lived = now.duration_since(worker.started);
        if let Some(slot) = self.generations.slots.get_mut(worker.index) {
            if slot.coming == Some(worker.key) {
                slot.coming = None;
                slot.failures += 1;
                slot.due = Some(now + back_off(slot.failures + 1));
            } else if slot.current == Some(worker.key) {
                slot.current = None;
                slot.failures = if was_ready && lived > SHORT_LIFE { 0 } else { slot.failures + 1 };
                slot.due = Some(now + back_off(slot.failures));
                if !self.generations.has_served && slot.failures >= MOST_FAILURES {
                    self.generations.hopeless = Some(death.words());
                }
            }
        }
        self.count_ready();
        self.choose_leader();
        self.look_now();
    }

    /// Exactly one worker is the leader, from the time when its predecessor has gone.
    pub(super) fn choose_leader(&mut self) {
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
        for index in 0..self.generations.size() {
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
                    self.say(LogLevel::Error, "a worker cannot be started", [("reason", &*reason)]);
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

const FIRST_BACK_OFF: Duration = Duration::from_millis(100);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(5);
/// Workers of one slot in a row that may die before any worker has got ready; then the server does not start.
const MOST_FAILURES: u32 = 3;
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
