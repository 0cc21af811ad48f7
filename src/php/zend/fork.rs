//! Which process this is, without asking the kernel for it at every call.

#![allow(unsafe_code)] // Registers a handler for fork().

use std::sync::atomic::{AtomicU32, Ordering};

use crate::descriptors::close_in_child;

/// This process or one that it was forked from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) struct Process(u32);

impl Process {
    pub(in crate::php) fn current() -> Self {
        Self(FORKS.load(Ordering::Relaxed))
    }

    pub(in crate::php) fn number(self) -> u32 {
        self.0
    }
}

/// Begins to count; once, when the module starts.
pub(in crate::php) fn watch() {
    extern "C" fn forked() {
        FORKS.fetch_add(1, Ordering::Relaxed);
        close_in_child();
    }
    if WATCHED.fetch_add(1, Ordering::Relaxed) == 0 {
        // SAFETY: the handler makes only calls that are allowed in one of signals. The C library takes handlers away with the
        // library that registered them.
        unsafe { libc::pthread_atfork(None, None, Some(forked)) };
    }
}

/// The number of forks in the lineage of this process since the module started.
static FORKS: AtomicU32 = AtomicU32::new(0);
static WATCHED: AtomicU32 = AtomicU32::new(0);
