//! When much memory was freed that nobody needs again soon: it goes back to the system.

use std::time::Duration;

use super::allocator;

/// Memory that a shard has freed since it gave memory back last.
#[derive(Debug, Default)]
pub(super) struct Shed {
    /// Bytes of connections that are gone, and of frames that were dropped.
    gone: usize,
    /// The most that has waited for clients and for the consumer.
    most_waiting: usize,
    /// Bytes freed at the time of the last sweep.
    seen: usize,
    /// Not before.
    next: Duration,
}

impl Shed {
    /// Notes bytes that a closed connection kept, or that were dropped from an outbox.
    pub(super) fn leave(&mut self, kept: usize) {
        self.gone += kept;
    }

    /// Notes how much waits for clients and for the consumer.
    pub(super) fn wait(&mut self, waiting: usize) {
        self.most_waiting = self.most_waiting.max(waiting);
    }

    /// True if the sweep has to come by although there is no connection.
    pub(super) fn is_much(&self) -> bool {
        self.gone + self.most_waiting >= MUCH
    }

    /// Called now and then: gives freed memory back if it is much, and has not grown since the last call.
    pub(super) fn settle(&mut self, waiting: usize, now: Duration) {
        if self.check_over(waiting, now) {
            allocator::give_back();
        }
    }

    fn check_over(&mut self, waiting: usize, now: Duration) -> bool {
        let freed = self.gone + self.most_waiting.saturating_sub(waiting);
        if freed < MUCH || now < self.next || std::mem::replace(&mut self.seen, freed) != freed {
            return false;
        }
        *self = Self { most_waiting: waiting, next: now + PAUSE, ..Self::default() };
        true
    }
}

/// Less is kept for the next messages.
const MUCH: usize = 32 << 20;
/// Between two times.
const PAUSE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_was_freed_goes_back_when_it_is_much_and_nothing_more_comes() {
        let mut shed = Shed::default();
        shed.leave(MUCH - 1);
        assert!(!shed.is_much() && !shed.check_over(0, SECOND) && !shed.check_over(0, SECOND));
        shed.leave(1);
        assert!(shed.is_much() && !shed.check_over(0, SECOND), "more may come");
        shed.leave(1);
        assert!(!shed.check_over(0, SECOND), "more came");
        assert!(shed.check_over(0, SECOND));
        assert!(!shed.is_much() && !shed.check_over(0, SECOND));
    }

    #[test]
    fn outboxes_that_were_full_are_freed_too() {
        let mut shed = Shed::default();
        shed.wait(MUCH + 5);
        shed.wait(5);
        assert!(!shed.check_over(MUCH, SECOND) && !shed.check_over(MUCH, SECOND), "most of it still waits");
        assert!(!shed.check_over(5, SECOND) && shed.check_over(5, SECOND));
        shed.wait(MUCH + 5);
        assert!(!shed.check_over(0, SECOND * 2) && !shed.check_over(0, SECOND * 2), "not so soon again");
        assert!(!shed.check_over(0, SECOND * 3) && shed.check_over(0, SECOND * 3));
    }
}
