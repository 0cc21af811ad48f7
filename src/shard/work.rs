//! The amount of work that a shard does before others have their turn.
//!
//! The requests of clients have no common unit but time: a message, a table of codes, a signature, a topic that loses
//! its subscriber, a socket that is closed. So the budget of a tick is time, and no work escapes it for want of a
//! price. Each part of a tick has a share of it, and does one thing at least: none can keep another from going on.

use std::time::{Duration, Instant};

/// The work of the running part of a tick.
#[derive(Debug)]
pub(super) struct Work {
    /// When the part is to end.
    until: Instant,
    /// When the visit to the present connection began, or to one just before.
    visit: Instant,
    /// True if that is now.
    is_now: bool,
    /// For tests: there is time for nothing beyond the one thing.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) none: bool,
}

impl Work {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            until: now,
            visit: now,
            is_now: false,
            #[cfg(any(test, feature = "fuzzing"))]
            none: false,
        }
    }

    /// Begins a tick. The first part need not read the clock: most ticks are small, and reading it costs as much as
    /// some of their work.
    pub(super) fn begin_tick(&mut self, now: Instant) {
        (self.visit, self.is_now) = (now, true);
    }

    /// A part of the tick begins, which has `share` to itself.
    pub(super) fn begin(&mut self, share: Duration) {
        if !std::mem::take(&mut self.is_now) {
            self.visit = Instant::now();
        }
        self.until = self.visit + share;
    }

    /// So many things were done, most of them small. Whether the part is to end now.
    pub(super) fn spend(&mut self, things: usize) -> bool {
        (things.is_multiple_of(SMALL) && self.check_used_up()) || self.is_none()
    }

    /// Something was done. Whether the part is to end now.
    pub(super) fn check_used_up(&mut self) -> bool {
        self.is_now = false;
        self.visit = Instant::now();
        self.visit >= self.until || self.is_none()
    }

    /// True if the present connection has had so much time that it is to wait until others were served.
    pub(super) fn is_long(&self) -> bool {
        self.is_none() || self.visit.elapsed() >= VISIT
    }

    #[cfg(any(test, feature = "fuzzing"))]
    fn is_none(&self) -> bool {
        self.none
    }

    #[cfg(not(any(test, feature = "fuzzing")))]
    #[allow(clippy::unused_self)]
    fn is_none(&self) -> bool {
        false
    }
}

/// The share of each part of a tick. That of the commands is large: they are the application's, and their frames
/// leave in one write.
pub(super) const COMMANDS: Duration = Duration::from_millis(4);
pub(super) const READY: Duration = Duration::from_millis(2);
pub(super) const LATER: Duration = Duration::from_millis(2);
pub(super) const SWEEP: Duration = Duration::from_millis(1);
/// After so many small things it is asked how late it is.
const SMALL: usize = 4;
/// Time of one visit to a connection.
const VISIT: Duration = Duration::from_micros(500);
