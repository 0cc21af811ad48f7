//! The pace of presence messages. One change costs as many messages as its topic has subscribers.
//!
//! Each user has a pace: changes beyond it are announced later, or never, if they are undone in the meantime. All users
//! together have a pace too, because users are cheap where clients choose their own. Memory is bounded by the users
//! that caused more changes than their pace allows, or 1024.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// The messages that were sent, and those that wait.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// For each user the time at which its messages would all be sent at the rate of [`USER`]. Users whose time is over
    /// are removed now and then.
    users: HashMap<Arc<str>, Instant>,
    /// The same time for the messages of all users.
    all: Option<Instant>,
    /// The number of users above which those whose time is over are removed.
    most: usize,
}

/// A rate of messages, and the number of messages that may be sent at once.
#[derive(Debug, Clone, Copy)]
struct Rate {
    per_second: u32,
    burst: u32,
}

impl Pace {
    /// Counts messages that a user causes. Returns the time at which they may be sent.
    pub(super) fn reserve(&mut self, user: &Arc<str>, messages: usize, now: Instant) -> Instant {
        if self.users.len() > self.most {
            self.users.retain(|_, until| *until > now);
            self.most = LEAST.max(2 * self.users.len());
        }
        let until = self.users.entry(user.clone()).or_insert(now);
        let at = USER.when(*until, now);
        *until = (*until).max(now) + USER.time(messages);
        at
    }

    /// Uncounts messages of a user that are not sent after all.
    pub(super) fn release(&mut self, user: &str, messages: usize) {
        if let Some(until) = self.users.get_mut(user) {
            *until = until.checked_sub(USER.time(messages)).unwrap_or(*until);
        }
    }

    /// The time at which messages of any user may be sent, at `now` or later.
    pub(super) fn next(&self, now: Instant) -> Instant {
        self.all.map_or(now, |until| ALL.when(until, now))
    }

    /// Counts messages that are sent.
    pub(super) fn count(&mut self, messages: usize, now: Instant) {
        self.all = Some(self.all.map_or(now, |until| until.max(now)) + ALL.time(messages));
    }
}

impl Rate {
    fn time(self, messages: usize) -> Duration {
        Duration::from_secs(1) / self.per_second * u32::try_from(messages).unwrap_or(u32::MAX)
    }

    fn when(self, until: Instant, now: Instant) -> Instant {
        until.checked_sub(self.time(self.burst as usize)).map_or(now, |at| at.max(now))
    }
}

/// The pace of one user.
const USER: Rate = Rate { per_second: 2_000, burst: 10_000 };
/// The pace of all users of a server.
const ALL: Rate = Rate { per_second: 50_000, burst: 50_000 };
/// Up to this number of users none is removed.
const LEAST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_then_the_rate() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let (ann, bob): (Arc<str>, Arc<str>) = ("ann".into(), "bob".into());
        assert_eq!(pace.reserve(&ann, 10_000, now), now);
        assert_eq!(pace.reserve(&ann, 200, now), now, "a change is never divided");
        assert_eq!(pace.reserve(&ann, 200, now), now + Duration::from_millis(100));
        pace.release("ann", 200);
        assert_eq!(pace.reserve(&ann, 200, now), now + Duration::from_millis(100));
        assert_eq!(pace.reserve(&bob, 1, now), now);
        let later = now + Duration::from_secs(60);
        assert_eq!(pace.reserve(&ann, 1, later), later);
        assert_eq!(pace.next(now), now);
        pace.count(50_000 + 25_000, now);
        assert_eq!(pace.next(now), now + Duration::from_millis(500));
    }

    #[test]
    fn users_whose_time_is_over_are_forgotten() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for user in 0..100_000 {
            pace.reserve(&user.to_string().into(), 1, now);
            now += Duration::from_millis(1);
        }
        assert!(pace.users.len() <= LEAST + 1);
    }
}
