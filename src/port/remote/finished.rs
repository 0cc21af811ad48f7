//! The events that a worker has finished.

use std::collections::BTreeSet;

/// The finished events. Nearly always they are finished in order: an event is finished late only if its callback was
/// suspended in a Fiber.
#[derive(Debug, Default)]
pub(super) struct Finished {
    /// All events up to this number are finished.
    up_to: u64,
    /// Those beyond that are finished too.
    early: BTreeSet<u64>,
}

impl Finished {
    /// Notes that an event is finished. Returns the number up to which all are; `None` if it came before one that is
    /// not finished.
    pub(super) fn add(&mut self, number: u64) -> Option<u64> {
        if number != self.up_to + 1 {
            self.early.insert(number);
            return None;
        }
        self.up_to = number;
        while self.early.remove(&(self.up_to + 1)) {
            self.up_to += 1;
        }
        Some(self.up_to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_is_finished_early_counts_when_those_before_it_are() {
        let mut finished = Finished::default();
        assert_eq!(finished.add(1), Some(1));
        assert_eq!((finished.add(4), finished.add(3)), (None, None));
        assert_eq!(finished.add(2), Some(4));
        assert_eq!(finished.add(5), Some(5));
    }
}
