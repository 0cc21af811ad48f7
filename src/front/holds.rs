//! Holding joins and leaves while a callback of a worker has a list of users, so that the list and the changes after it
//! agree.

use std::time::{Duration, Instant};

use super::{run::Front, worker::Lane};

/// An event during which presence changes are held.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    worker: u64,
    event: u64,
    until: Instant,
}

impl Front {
    /// Holds joins and leaves until the event that the worker is in is finished.
    pub(super) fn hold_presence(&mut self, worker: u64) {
        let begun = self.worker(worker).and_then(|worker| worker.lane.as_ref()).and_then(Lane::begun);
        let is_on = |event| self.holds.iter().any(|hold| hold.worker == worker && hold.event == event);
        if let Some(event) = begun.filter(|event| !is_on(*event)) {
            self.holds.push(Hold { worker, event, until: Instant::now() + LONGEST_HOLD });
            self.consumer.keep_hold(true);
        }
    }

    /// Ends the holds of events that are finished, or take too long.
    pub(super) fn release_holds(&mut self) {
        if self.holds.is_empty() {
            return;
        }
        let (now, workers) = (Instant::now(), &self.workers);
        let is_on = |hold: &Hold| {
            let lane = workers.iter().find(|worker| worker.key == hold.worker).and_then(|w| w.lane.as_ref());
            now < hold.until && lane.is_some_and(|lane| lane.is_unfinished(hold.event))
        };
        self.holds.retain(is_on);
        self.consumer.keep_hold(!self.holds.is_empty());
    }
}

/// The longest time for which one callback holds joins and leaves up.
const LONGEST_HOLD: Duration = Duration::from_secs(1);
