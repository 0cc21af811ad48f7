//! Workers that have done enough, are too large, too old, or stuck in a callback.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::{
    deaths::TIMEOUT,
    run::Front,
    worker::{State, Worker},
};
use crate::{port::LogLevel, wire::Recycling};

/// The callback in which a worker was seen last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Busy {
    callback: Callback,
    since: Instant,
}

/// The number of an event, or of a timer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Callback {
    Event(u64),
    Timer(u64),
}

impl Front {
    /// Has the workers replaced that are due, and ends those that are stuck.
    pub(super) fn recycle(&mut self, now: Instant) {
        let rules = self.hello.recycling.clone();
        let looks_at_memory = now.duration_since(self.memory_looked) >= MEMORY_INTERVAL;
        if looks_at_memory {
            self.memory_looked = now;
        }
        let (mut due, mut stuck) = (Vec::new(), Vec::new());
        for worker in &mut self.workers {
            if worker.state == State::Ready && is_due(worker, &rules, now, looks_at_memory) {
                due.push(worker.key);
            }
            if rules.handler_timeout.is_some_and(|timeout| is_stuck(worker, timeout, now)) {
                stuck.push(worker.key);
            }
        }
        for key in due {
            if self.replace(key) {
                self.counters.recycled.increment();
            }
        }
        stuck.into_iter().for_each(|key| self.end_stuck(key, now));
    }

    /// Asks a worker for the place in its script, then ends it.
    fn end_stuck(&mut self, key: u64, now: Instant) {
        let Some(worker) = self.worker_mut(key) else { return };
        let Some(asked) = worker.asked_for_place else {
            worker.asked_for_place = Some(now);
            return worker.ask_for_place();
        };
        let place = worker.lane.as_ref().and_then(|lane| lane.duplex.peer_note());
        if place.is_none() && now.duration_since(asked) < PLACE_TIME {
            return;
        }
        worker.kill(TIMEOUT);
        let (index, pid) = (worker.index.to_string(), worker.child.id().to_string());
        let place = place.unwrap_or_else(|| "unknown".to_owned());
        let context = [("worker", &*index), ("pid", &pid), ("place", &place)];
        self.say(
            LogLevel::Error,
            "a callback takes longer than handlerTimeout: its worker is ended",
            context,
        );
    }
}

/// True if the worker has reached one of the limits. Each worker has limits of its own, within a tenth of those that were
/// given, so that they are not all replaced at once.
fn is_due(worker: &Worker, rules: &Recycling, now: Instant, looks_at_memory: bool) -> bool {
    let most = |limit: u64| spread(limit, worker.key);
    let finished = worker.lane.as_ref().map_or(0, |lane| lane.finished);
    let is_old = |age: Duration| {
        let most = most(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        now.duration_since(worker.started) >= Duration::from_millis(most)
    };
    rules.max_messages.is_some_and(|limit| finished >= most(limit))
        || rules.max_age.is_some_and(is_old)
        || looks_at_memory && rules.max_memory.is_some_and(|limit| resident(worker.child.id()) >= most(limit))
}

/// True if the worker has been in the callback of the last look for as long as that.
fn is_stuck(worker: &mut Worker, timeout: Duration, now: Instant) -> bool {
    let lane = worker.lane.as_ref();
    let timer = lane.and_then(|lane| lane.timer()).map(Callback::Timer);
    let callback = timer.or_else(|| lane.and_then(|lane| lane.begun()).map(Callback::Event));
    match (callback, worker.busy) {
        (Some(callback), Some(busy)) if busy.callback == callback => {
            now.duration_since(busy.since) >= timeout
        }
        (callback, _) => {
            worker.asked_for_place = None;
            worker.busy = callback.map(|callback| Busy { callback, since: now });
            false
        }
    }
}

/// A number from nine to eleven tenths of `limit`, the same for one key.
fn spread(limit: u64, key: u64) -> u64 {
    let percent = 90 + key.wrapping_mul(7919) % 21;
    (limit / 100).saturating_mul(percent).saturating_add(limit % 100)
}

/// Bytes of memory of a process; 0 if it is gone.
pub(super) fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes =
        line.and_then(|rest| rest.trim().strip_suffix(" kB")).and_then(|number| number.parse().ok());
    kibibytes.unwrap_or(0_u64).saturating_mul(1024)
}

/// Time for a worker to tell the place in its script.
const PLACE_TIME: Duration = Duration::from_secs(1);
/// Time between two looks at the memory of workers.
const MEMORY_INTERVAL: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_spread_by_a_tenth_and_stay_the_same_for_a_worker() {
        let spread_out: Vec<_> = (1..50).map(|key| spread(10_000, key)).collect();
        assert!(spread_out.iter().all(|limit| (9_000..=11_000).contains(limit)));
        assert!(
            spread_out.iter().any(|limit| *limit < 9_500) && spread_out.iter().any(|limit| *limit > 10_500)
        );
        assert_eq!(spread(10_000, 3), spread(10_000, 3));
        assert_eq!(spread(5, 3), 5);
    }

    #[test]
    fn a_process_has_memory_and_one_that_is_gone_has_none() {
        assert!(resident(std::process::id()) > 1 << 20);
        assert_eq!(resident(u32::MAX), 0);
    }
}
