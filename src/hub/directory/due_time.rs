//! A time that many threads read without a lock.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The time of the next presence delta, or none.
#[derive(Debug)]
pub(super) struct DueTime {
    epoch: Instant,
    /// Nanoseconds since the epoch, or [`NEVER`].
    nanoseconds: AtomicU64,
}

impl DueTime {
    /// Makes a due time that is not set. Times before `epoch` count as `epoch`.
    pub(super) fn new(epoch: Instant) -> Self {
        Self { epoch, nanoseconds: AtomicU64::new(NEVER) }
    }

    pub(super) fn get(&self) -> Option<Instant> {
        match self.nanoseconds.load(Ordering::Acquire) {
            NEVER => None,
            nanoseconds => Some(self.epoch + Duration::from_nanos(nanoseconds)),
        }
    }

    pub(super) fn set(&self, due: Option<Instant>) {
        let nanoseconds = due.map_or(NEVER, |due| {
            u64::try_from(due.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(NEVER)
        });
        self.nanoseconds.store(nanoseconds, Ordering::Release);
    }
}

const NEVER: u64 = u64::MAX;
