//! How fast subscribers are told of who comes and goes. What is counted is messages: one change times the topic's
//! subscribers, which is what it costs.
//!
//! A user who comes and goes in many topics has a pace; what is beyond is told later, or never, if it is undone
//! meanwhile. All users together have one too, for names are cheap where a client chooses its own.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

#[derive(Debug, Default)]
pub(super) struct Pace {
    /// By user: when all that it has caused would be told at [`USER`]'s rate. Of those for whom that is to come.
    users: HashMap<Arc<str>, Instant>,
    /// The same of all.
    all: Option<Instant>,
    /// How many users there may be before those are forgotten whose time is over.
    most: usize,
}

/// A rate, and how much of it may come at once.
#[derive(Debug, Clone, Copy)]
struct Rate {
    per_second: u32,
    burst: u32,
}

impl Pace {
    /// When so many messages caused by a user may be sent. They are counted.
    pub(super) fn user(&mut self, user: &Arc<str>, messages: usize, now: Instant) -> Instant {
        if self.users.len() > self.most {
            self.users.retain(|_, until| *until > now);
            self.most = LEAST.max(2 * self.users.len());
        }
        let until = self.users.entry(user.clone()).or_insert(now);
        let at = USER.when(*until, now);
        *until = (*until).max(now) + USER.time(messages);
        at
    }

    /// So many messages of a user are not sent after all.
    pub(super) fn give_back(&mut self, user: &str, messages: usize) {
        if let Some(until) = self.users.get_mut(user) {
            *until = until.checked_sub(USER.time(messages)).unwrap_or(*until);
        }
    }

    /// When messages of anybody may be sent.
    pub(super) fn all(&self, now: Instant) -> Instant {
        self.all.map_or(now, |until| ALL.when(until, now))
    }

    /// So many messages are sent.
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

/// Of one user.
const USER: Rate = Rate { per_second: 2_000, burst: 10_000 };
/// Of all users of a server.
const ALL: Rate = Rate { per_second: 50_000, burst: 50_000 };
/// So many users are kept anyhow.
const LEAST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_goes_at_once_and_then_the_rate() {
        let (mut pace, now) = (Pace::default(), Instant::now());
        let (ann, bob): (Arc<str>, Arc<str>) = ("ann".into(), "bob".into());
        assert_eq!(pace.user(&ann, 10_000, now), now);
        assert_eq!(pace.user(&ann, 200, now), now, "what is told is never divided");
        assert_eq!(pace.user(&ann, 200, now), now + Duration::from_millis(100));
        pace.give_back("ann", 200);
        assert_eq!(pace.user(&ann, 200, now), now + Duration::from_millis(100));
        assert_eq!(pace.user(&bob, 1, now), now);
        let later = now + Duration::from_secs(60);
        assert_eq!(pace.user(&ann, 1, later), later);
        assert_eq!(pace.all(now), now);
        pace.count(50_000 + 25_000, now);
        assert_eq!(pace.all(now), now + Duration::from_millis(500));
    }

    #[test]
    fn users_whose_time_is_over_are_forgotten() {
        let (mut pace, mut now) = (Pace::default(), Instant::now());
        for user in 0..100_000 {
            pace.user(&user.to_string().into(), 1, now);
            now += Duration::from_millis(1);
        }
        assert!(pace.users.len() <= LEAST + 1);
    }
}
