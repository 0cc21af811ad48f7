//! The descriptors that a forked child closes.
//!
//! A child of `pcntl_fork()` has a copy of every descriptor. With a listening socket it would keep the port after its
//! parent's end, and with clients' sockets their connections.

#![allow(unsafe_code)] // A descriptor is closed by its number.

use std::{
    os::fd::{AsRawFd, RawFd},
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::limit;

/// Marks an open descriptor as one that a forked child closes. To be dropped before the descriptor is closed: its
/// number is anybody's afterwards.
#[derive(Debug)]
pub struct Inherited(RawFd);

impl Inherited {
    /// Marks it.
    pub fn new(descriptor: &impl AsRawFd) -> Self {
        mark(descriptor);
        Self(descriptor.as_raw_fd())
    }
}

impl Drop for Inherited {
    fn drop(&mut self) {
        unmark(&self.0);
    }
}

/// The effect of [`Inherited`], for an owner that has no room for one.
pub fn mark(descriptor: &impl AsRawFd) {
    let number = descriptor.as_raw_fd();
    if let Some((word, bit)) = place_of(number) {
        word.fetch_or(bit, Ordering::Relaxed);
        END.fetch_max(number as usize / BITS + 1, Ordering::Relaxed);
    }
}

/// Takes the mark off, before the descriptor is closed.
pub fn unmark(descriptor: &impl AsRawFd) {
    if let Some((word, bit)) = place_of(descriptor.as_raw_fd()) {
        word.fetch_and(!bit, Ordering::Relaxed);
    }
}

/// Closes the marked descriptors, and restores the limit of open files. In a forked child, before anything else of it
/// runs: only calls that a signal handler may make.
pub fn close_in_child() {
    for (index, word) in MARKED.iter().enumerate().take(END.load(Ordering::Relaxed)) {
        let mut bits = word.swap(0, Ordering::Relaxed);
        while bits != 0 {
            let number = index * BITS + bits.trailing_zeros() as usize;
            bits &= bits - 1;
            // SAFETY: it was marked by its owner, which is in another process now; in this one nothing uses or closes
            // it.
            unsafe { libc::close(number as RawFd) };
        }
    }
    limit::lower_in_child();
}

fn place_of(number: RawFd) -> Option<(&'static AtomicU64, u64)> {
    let number = usize::try_from(number).ok()?;
    Some((MARKED.get(number / BITS)?, 1 << (number % BITS)))
}

const BITS: usize = u64::BITS as usize;
/// As many numbers as Linux gives a process by default (`fs.nr_open`); memory is taken by those that are used.
static MARKED: [AtomicU64; (1 << 20) / BITS] = [const { AtomicU64::new(0) }; (1 << 20) / BITS];
/// No word from here on has ever had a mark.
static END: AtomicUsize = AtomicUsize::new(0);
