//! The time of a shard: only the time in which it looked at its sockets.
//!
//! A process can be stopped, a container paused, a machine suspended or without processor time. Afterwards no client
//! may be held to a deadline that passed meanwhile, because the bytes that would have met it lie unread in the
//! sockets. So deadlines are on a clock that counts the time between two ticks only as far as the shard meant to
//! rest. After a gap the clock stands still until the shard has looked at everything that came in it.

use std::time::{Duration, Instant};

/// One shard's clock.
#[derive(Debug)]
pub(super) struct Clock {
    epoch: Instant,
    /// The time of this tick.
    now: Duration,
    /// When this tick began, by the system's clock.
    began: Duration,
    /// When the next tick is meant to begin at the latest.
    due: Duration,
    /// The last gap, and when it was over.
    gap: Option<(Duration, Duration)>,
    catching_up: Option<CatchingUp>,
    /// Time that a test has added to the system's clock.
    #[cfg(any(test, feature = "fuzzing"))]
    skipped: Duration,
}

/// The state after a gap, while the shard looks at the bytes that came in it.
#[derive(Debug)]
struct CatchingUp {
    /// Looks at the sockets that are still needed to have seen all.
    looks: usize,
    /// By the system's clock: a flood must not stop the time.
    until: Duration,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            now: Duration::ZERO,
            began: Duration::ZERO,
            due: Duration::ZERO,
            gap: None,
            catching_up: None,
            #[cfg(any(test, feature = "fuzzing"))]
            skipped: Duration::ZERO,
        }
    }

    /// Begins a tick and returns its time. `connections`: the number of sockets that may have news.
    pub(super) fn begin_tick(&mut self, connections: usize) -> Duration {
        let began = self.steady();
        let passed = began.saturating_sub(std::mem::replace(&mut self.began, began));
        if self.catching_up.as_ref().is_some_and(|catching_up| began >= catching_up.until) {
            self.caught_up();
        }
        if self.catching_up.is_none() {
            let meant = self.due.saturating_sub(self.now);
            let late = passed.saturating_sub(meant);
            if late > SLACK {
                self.now += meant;
                self.gap = Some((late, began));
                let looks = connections / EVENTS_PER_LOOK + 2;
                self.catching_up = Some(CatchingUp { looks, until: began + CATCH_UP });
            } else {
                self.now += passed;
            }
        }
        self.due = self.now;
        self.now
    }

    /// A tick is over. True: the next one must come at once, for not all sockets were looked at since a gap.
    pub(super) fn end_tick(&mut self, idle: bool) -> bool {
        let Some(catching_up) = &mut self.catching_up else { return false };
        catching_up.looks = catching_up.looks.saturating_sub(1);
        if catching_up.looks > 0 {
            return true;
        }
        if idle {
            self.caught_up();
        }
        false
    }

    /// The shard means to rest until `at`.
    pub(super) fn rest(&mut self, at: Duration) {
        self.due = at;
    }

    /// Not later than the beginning of a tick, but at this very moment.
    pub(super) fn precisely(&self) -> Duration {
        self.now + self.steady().saturating_sub(self.began)
    }

    /// The time of this tick by a clock that does not stop: for the rates of clients that send during a gap.
    pub(super) fn steady_now(&self) -> Duration {
        self.began
    }

    /// The time by the system's clock, which includes the time in which the machine was suspended: for deadlines that
    /// end at their hour in any case, such as a token's.
    pub(super) fn lifetime(&self) -> Duration {
        #[cfg(any(test, feature = "fuzzing"))]
        return boot_time() + self.skipped;
        #[cfg(not(any(test, feature = "fuzzing")))]
        boot_time()
    }

    /// Time by which a rate is forgiven after a gap: everything that was sent in the gap comes at once.
    pub(super) fn pardon(&self) -> Duration {
        match self.gap {
            Some((gap, over)) if self.began.saturating_sub(over) <= gap.max(LEAST_PARDON) => gap,
            _ => Duration::ZERO,
        }
    }

    /// The time on the system's clock at which this clock will show `at`, if no gap comes.
    pub(super) fn instant(&self, at: Duration) -> Instant {
        self.epoch + self.began + at.saturating_sub(self.now)
    }

    /// The time on this clock at that moment, if no gap comes.
    pub(super) fn at(&self, instant: Instant) -> Duration {
        let steady = instant.saturating_duration_since(self.epoch);
        self.now + steady.saturating_sub(self.began)
    }

    /// Adds to the system's clock. `looking`: as if ticks had been taken meanwhile.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn skip(&mut self, time: Duration, looking: bool) {
        self.skipped += time;
        if looking {
            self.due = self.due.max(self.now) + time;
        }
    }

    fn caught_up(&mut self) {
        self.catching_up = None;
        // Not all of the gap is lost: a shard whose every tick comes late must see the time go on.
        self.now += SLACK;
        self.due = self.now;
    }

    fn steady(&self) -> Duration {
        #[cfg(any(test, feature = "fuzzing"))]
        return self.epoch.elapsed() + self.skipped;
        #[cfg(not(any(test, feature = "fuzzing")))]
        self.epoch.elapsed()
    }
}

/// Since the machine was started, suspensions included.
#[cfg(target_os = "linux")]
fn boot_time() -> Duration {
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_BOOTTIME).map_or(Duration::ZERO, Duration::from)
}

/// Since this was asked first: elsewhere there is no clock for it.
#[cfg(not(target_os = "linux"))]
fn boot_time() -> Duration {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// A tick that comes later than this was not meant to.
const SLACK: Duration = Duration::from_millis(250);
/// For so long at most the clock stands still after a gap.
const CATCH_UP: Duration = Duration::from_secs(1);
/// Events that tokio takes from epoll at once; epoll tells of the others at the next look.
const EVENTS_PER_LOOK: usize = 1024;
/// The least time for reading and handling the bytes that came in a gap.
const LEAST_PARDON: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_rest_that_was_meant_counts_and_one_that_was_not_does_not() {
        let mut clock = Clock::new();
        clock.begin_tick(1);
        assert!(!clock.end_tick(true));
        clock.rest(SECOND * 60);
        clock.skip(SECOND * 60, false);
        let now = clock.begin_tick(1);
        assert!(now >= SECOND * 60 && now < SECOND * 61, "{now:?}");
        clock.skip(SECOND * 60, false);
        let later = clock.begin_tick(1);
        assert!(later - now < SECOND, "{:?}", later - now);
        assert!(clock.end_tick(true), "the sockets must be looked at again");
    }

    #[test]
    fn the_time_stands_still_until_all_sockets_were_looked_at() {
        let mut clock = Clock::new();
        clock.skip(SECOND * 60, false);
        let now = clock.begin_tick(2 * EVENTS_PER_LOOK);
        let mut ticks = 1;
        while clock.end_tick(true) {
            assert_eq!(clock.begin_tick(2 * EVENTS_PER_LOOK), now);
            ticks += 1;
        }
        assert!(ticks >= 3, "{ticks}");
        assert!(clock.begin_tick(0) > now);
    }

    #[test]
    fn a_shard_whose_every_turn_is_late_sees_the_time_go_on() {
        let mut clock = Clock::new();
        for _ in 0..100 {
            clock.skip(SECOND * 2, false);
            clock.begin_tick(1);
            clock.end_tick(false);
        }
        assert!(clock.now > SECOND * 10, "{:?}", clock.now);
    }

    #[test]
    fn a_rate_is_forgiven_what_came_in_a_gap_and_only_soon_after() {
        let mut clock = Clock::new();
        clock.skip(SECOND * 60, false);
        clock.begin_tick(1);
        while clock.end_tick(true) {
            clock.begin_tick(1);
        }
        assert!(clock.pardon() >= SECOND * 59);
        clock.skip(SECOND * 30, true);
        clock.begin_tick(1);
        assert!(clock.pardon() >= SECOND * 59);
        clock.skip(SECOND * 31, true);
        clock.begin_tick(1);
        assert_eq!(clock.pardon(), Duration::ZERO);
    }
}
