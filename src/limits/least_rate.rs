//! The least rate at which data may arrive.

use std::time::Duration;

/// Data that arrives at `rate` may take as long as it needs. Slower data, or a pause, must end within `patience`;
/// faster data before does not prolong that.
#[derive(Debug, Clone, Copy)]
pub struct LeastRate {
    /// Bytes a second.
    pub rate: u32,
    /// Longest pause in which nothing need arrive.
    pub patience: Duration,
}

impl LeastRate {
    /// Deadline of the first bytes.
    pub fn begin(&self, now: Duration) -> Duration {
        now.saturating_add(self.patience)
    }

    /// Deadline of the next bytes, after `bytes` arrived at `now`, before the deadline `due`.
    pub fn go_on(&self, due: Duration, now: Duration, bytes: usize) -> Duration {
        let earned = (bytes as u64).saturating_mul(1_000_000) / u64::from(self.rate.max(1));
        due.saturating_add(Duration::from_micros(earned)).min(self.begin(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: LeastRate = LeastRate { rate: 1024, patience: Duration::from_secs(30) };

    /// Seconds until the deadline passes if `rate` bytes come in each.
    fn over_after(rate: usize) -> Option<u64> {
        let mut due = LEAST.begin(Duration::ZERO);
        (1..10_000).find(|second| {
            let now = Duration::from_secs(*second);
            due = LEAST.go_on(due, now, rate);
            now >= due
        })
    }

    #[test]
    fn what_comes_at_the_least_rate_may_take_as_long_as_it_does() {
        assert_eq!(over_after(1024), None);
        assert!(over_after(512).is_some_and(|second| second < 70));
        assert_eq!(over_after(0), Some(30));
    }

    #[test]
    fn what_came_fast_buys_no_long_pause_afterwards() {
        let second = Duration::from_secs(1);
        assert_eq!(LEAST.go_on(LEAST.begin(second), second * 2, 1 << 30), second * 32);
    }
}
