//! Notices, within a runtime's sleep, that a signal is pending which the sleeping thread blocks.

#![allow(unsafe_code)] // tokio wants a promise that the descriptor stays the same.

use std::task::{Context, Poll};

#[cfg(target_os = "linux")]
use nix::sys::{
    signal::SigSet,
    signalfd::{SfdFlags, SignalFd},
};
#[cfg(target_os = "linux")]
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

#[cfg(not(target_os = "linux"))]
impl PendingSignals {
    pub(super) fn poll(&self, _: &mut Context<'_>) -> Poll<()> {
        match *self {}
    }
}
