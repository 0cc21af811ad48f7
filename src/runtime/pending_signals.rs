//! Notices, within a runtime's sleep, that a signal is pending which the sleeping thread blocks, or that another
//! descriptor of the consumer's is readable.

#![allow(unsafe_code)] // tokio wants a promise that the descriptor stays the same.

use std::{
    os::fd::OwnedFd,
    task::{Context, Poll},
};

#[cfg(target_os = "linux")]
use nix::sys::{
    signal::SigSet,
    signalfd::{SfdFlags, SignalFd},
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    runtime::Runtime,
};

/// All signals. They are never read here: the thread unblocks them, and then they take effect.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(super) struct PendingSignals(AsyncFd<SignalFd>);

/// Not to be had: there is no descriptor for signals.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) enum PendingSignals {}

#[cfg(target_os = "linux")]
impl PendingSignals {
    pub(super) fn new(runtime: &Runtime) -> std::io::Result<Self> {
        let descriptor =
            SignalFd::with_flags(&SigSet::all(), SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        let _context = runtime.enter();
        // SAFETY: a `SignalFd` owns its descriptor, gives the same one each time, and closes it only
        // when it is dropped, which `AsyncFd` does after it has let go of it.
        let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// Ready once after a signal has become pending; perhaps after it was dealt with elsewhere.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_read_ready(cx).map(|ready| {
            if let Ok(mut ready) = ready {
                ready.clear_ready();
            }
        })
    }
}

/// A descriptor of the consumer's that ends its sleep when it is readable.
#[derive(Debug)]
pub(super) struct Beside(AsyncFd<OwnedFd>);

impl Beside {
    pub(super) fn new(runtime: &Runtime, descriptor: OwnedFd) -> std::io::Result<Self> {
        let _context = runtime.enter();
        // SAFETY: an `OwnedFd` gives the same descriptor each time, and closes it only when it is dropped, which
        // `AsyncFd` does after it has let go of it.
        let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// Ready once after the descriptor has become readable; perhaps after its reader has seen that.
    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.0.poll_read_ready(cx).map(|ready| {
            if let Ok(mut ready) = ready {
                ready.clear_ready();
            }
        })
    }
}

#[cfg(not(target_os = "linux"))]
impl PendingSignals {
    pub(super) fn poll(&self, _: &mut Context<'_>) -> Poll<()> {
        match *self {}
    }
}
