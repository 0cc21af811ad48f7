//! The time of one connection: only the time in which the process looked at it.
//!
//! A publisher whose call is under way while the process is stopped, its container paused or the machine suspended
//! loses nothing: afterwards it may need several steps more, and has for them the time that was left before.

use std::{cell::Cell, pin::pin, time::Duration};

use tokio::time::{Instant, error::Elapsed, timeout};

/// A clock that stands still in gaps.
#[derive(Debug, Default)]
pub(super) struct Watch {
    now: Cell<Duration>,
}

impl Watch {
    pub(super) fn now(&self) -> Duration {
        self.now.get()
    }

    /// The result of `future`, if it comes by `due`.
    pub(super) async fn until<F: Future>(&self, due: Duration, future: F) -> Result<F::Output, Elapsed> {
        let mut future = pin!(future);
        loop {
            let left = due.saturating_sub(self.now());
            let (step, began) = (left.min(STEP.max(left / 8)), Instant::now());
            let come = timeout(step, future.as_mut()).await;
            self.now.set(self.now() + counted(left, step, began.elapsed()));
            if come.is_ok() || self.now() >= due {
                return come;
            }
        }
    }

    /// The same within so much time from now.
    pub(super) async fn within<F: Future>(&self, time: Duration, future: F) -> Result<F::Output, Elapsed> {
        self.until(self.now() + time, future).await
    }
}

/// The part of the passed time that counts, while `step` was meant to pass and `left` are left in all.
fn counted(left: Duration, step: Duration, passed: Duration) -> Duration {
    if passed <= step + SLACK {
        return passed;
    }
    // Not nothing: where everything is always late the time must go on. But never all of it.
    SLACK.min(left - left / 2)
}

/// The longest time until the next look at the clock, if an eighth of the time left is not longer.
const STEP: Duration = Duration::from_secs(1);
/// A step that ends later than this was interrupted.
const SLACK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_gap_takes_no_more_than_half_of_what_is_left() {
        assert_eq!(counted(SECOND * 5, SECOND, SECOND), SECOND);
        assert_eq!(counted(SECOND * 5, SECOND, SECOND / 2), SECOND / 2);
        assert_eq!(counted(SECOND * 5, SECOND, SECOND * 60), SLACK);
        assert_eq!(counted(SECOND / 10, SECOND / 10, SECOND * 60), SECOND / 20);
    }

    #[test]
    fn the_time_goes_on_where_everything_is_late() {
        let mut left = SECOND * 10;
        let late = (1..1000).find(|_| {
            left -= counted(left, left.min(STEP), SECOND * 2);
            left.is_zero()
        });
        assert!(late.is_some(), "{left:?} are left");
    }
}
