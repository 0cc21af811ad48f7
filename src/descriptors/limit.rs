//! The number of descriptors that the process may have.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, AtomicUsize, Ordering};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Above every number that `select(2)` knows.
pub const FLOOR: i32 = 1024;

/// The most descriptors that this process may ever have: the hard limit.
pub fn most() -> usize {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(FALLBACK, |(_, hard)| number(hard))
}

/// Descriptors that a server may need, for as long as this is kept.
#[derive(Debug)]
pub struct Reservation(usize);

impl Reservation {
    /// So many beside those that are reserved already.
    pub fn new(count: usize) -> Self {
        RESERVED.fetch_add(count, Ordering::Relaxed);
        // A quarter for PHP, where there are few.
        let lowest = i32::try_from(most() / 4).map_or(FLOOR, |quarter| quarter.clamp(1, FLOOR));
        LOWEST.store(lowest, Ordering::Relaxed);
        let enough = getrlimit(Resource::RLIMIT_NOFILE).is_ok_and(|(soft, hard)| soft >= wanted(hard));
        ENOUGH.store(enough, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        RESERVED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// From which number on descriptors are placed.
pub(super) fn lowest() -> i32 {
    LOWEST.load(Ordering::Relaxed)
}

/// While it is kept, the process may have the reserved descriptors. Kept for a moment only: any program that the
/// script starts meanwhile inherits the limit.
#[derive(Debug)]
pub struct Raised {
    counted: bool,
}

impl Raised {
    /// Raises the soft limit, if it has to be.
    pub fn take() -> Self {
        let mut raised = Self { counted: false };
        if !ENOUGH.load(Ordering::Relaxed) {
            raised.raise();
        }
        raised
    }

    /// After the system has refused a descriptor: raises the limit if it was lower than it should be, because another
    /// thread or the script has lowered it. False if that is not why.
    pub fn again(&mut self) -> bool {
        self.raise()
    }

    fn raise(&mut self) -> bool {
        if !self.counted {
            self.counted = true;
            KEPT.fetch_add(1, Ordering::SeqCst);
        }
        let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return false };
        let wanted = wanted(hard);
        if soft >= wanted {
            return false;
        }
        ENOUGH.store(false, Ordering::Relaxed);
        BEFORE.store(soft, Ordering::SeqCst);
        setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok()
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if self.counted && KEPT.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Another thread may just have raised it. It looks again when it is refused a descriptor.
            lower();
        }
    }
}

/// In a forked child, where nobody else does: lowers the limit again. Only calls that a signal handler may make.
pub(super) fn lower_in_child() {
    if KEPT.swap(0, Ordering::SeqCst) > 0 {
        lower();
    }
    RESERVED.store(0, Ordering::Relaxed);
}

fn lower() {
    let before = BEFORE.swap(u64::MAX, Ordering::SeqCst);
    if before != u64::MAX
        && let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && before < soft
    {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, before, hard);
    }
}

/// The soft limit that the reserved descriptors need.
fn wanted(hard: u64) -> u64 {
    let wanted = RESERVED.load(Ordering::Relaxed).saturating_add(FLOOR.unsigned_abs() as usize);
    hard.min(wanted as u64)
}

fn number(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// A number that every system has given for decades.
const FALLBACK: usize = 256;
static RESERVED: AtomicUsize = AtomicUsize::new(0);
static LOWEST: AtomicI32 = AtomicI32::new(FLOOR);
/// True if the soft limit was enough for the reserved descriptors at the last look.
static ENOUGH: AtomicBool = AtomicBool::new(true);
/// Those that keep the limit raised.
static KEPT: AtomicUsize = AtomicUsize::new(0);
/// The soft limit before it was raised; the greatest number if it is not.
static BEFORE: AtomicU64 = AtomicU64::new(u64::MAX);
