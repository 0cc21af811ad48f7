//! SIGINT, SIGTERM and SIGQUIT while a server runs, and the signal mask around a sleep.
//!
//! Only a signal whose disposition is PHP's default is taken: a handler that the script has installed with pcntl
//! stays. PHP may defer signals (`--enable-zend-signals`): then it keeps the dispositions in a table of its own,
//! which `sigaction(2)` does not show.

#![allow(unsafe_code)] // Signal dispositions and a handler.

use std::{
    ffi::c_int,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicU32, AtomicUsize, Ordering},
};

use super::fork;

/// The dispositions before a run; put back when it is dropped.
#[derive(Debug)]
pub(in crate::php) struct Guard {
    before: Vec<(c_int, libc::sigaction)>,
    /// Number of signals that had arrived when the run began.
    seen: usize,
}

impl Guard {
    /// Takes the signals that ask a process to end, where the script has not. SIGQUIT is the signal of `docker stop`
    /// in images that are based on php-fpm.
    pub(in crate::php) fn install() -> Self {
        let seen = ARRIVED.load(Ordering::SeqCst);
        NOTICED.store(seen, Ordering::SeqCst);
        OWNER.store(fork::Process::current().number(), Ordering::SeqCst);
        let mut before = Vec::new();
        for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGQUIT] {
            let old = disposition(signal);
            if old.sa_sigaction == libc::SIG_DFL {
                // SAFETY: plain data; all zero is an empty mask and no flags.
                let mut ours: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
                ours.sa_sigaction = on_signal as *const () as libc::sighandler_t;
                set_disposition(signal, &ours);
                before.push((signal, old));
            }
        }
        Self { before, seen }
    }

    /// Number of signals since the last call.
    pub(in crate::php) fn arrived(&mut self) -> usize {
        let all = ARRIVED.load(Ordering::SeqCst);
        NOTICED.store(all, Ordering::SeqCst);
        all.wrapping_sub(std::mem::replace(&mut self.seen, all))
    }

    /// True if a signal has come since the last call of [`arrived`](Self::arrived).
    pub(in crate::php) fn is_pending(&self) -> bool {
        ARRIVED.load(Ordering::SeqCst) != self.seen
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        for (signal, before) in &self.before {
            // If the script has installed a handler meanwhile, that one stays.
            if disposition(*signal).sa_sigaction == on_signal as *const () as libc::sighandler_t {
                set_disposition(*signal, before);
            }
        }
    }
}

/// The signals that the calling thread blocks.
#[derive(Debug, Clone, Copy)]
pub(in crate::php) struct Mask(nix::sys::signal::SigSet);

impl Mask {
    pub(in crate::php) fn current() -> Self {
        Self(
            nix::sys::signal::SigSet::thread_get_mask().unwrap_or_else(|_| nix::sys::signal::SigSet::empty()),
        )
    }

    /// Blocks all signals; returns those blocked before.
    pub(in crate::php) fn block_all() -> Self {
        let all = nix::sys::signal::SigSet::all();
        let before = all.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_SETMASK);
        Self(before.unwrap_or_else(|_| nix::sys::signal::SigSet::empty()))
    }

    pub(in crate::php) fn restore(self) {
        // Only a wrong argument makes it fail.
        let _ = self.0.thread_set_mask();
    }

    pub(in crate::php) fn set(&self) -> nix::sys::signal::SigSet {
        self.0
    }
}

/// Counts. From the third signal that the loop has not even noticed, the signal has its default effect: a callback
/// that never returns can still be interrupted.
extern "C" fn on_signal(signal: c_int) {
    let arrived = ARRIVED.fetch_add(1, Ordering::SeqCst) + 1;
    let unnoticed = arrived.wrapping_sub(NOTICED.load(Ordering::SeqCst));
    // A forked child inherits the handler, but not the loop.
    if unnoticed >= 3 || OWNER.load(Ordering::SeqCst) != fork::Process::current().number() {
        // SAFETY: both calls are allowed in a signal handler.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}

static ARRIVED: AtomicUsize = AtomicUsize::new(0);
static NOTICED: AtomicUsize = AtomicUsize::new(0);
/// The process whose loop hears of signals.
static OWNER: AtomicU32 = AtomicU32::new(0);

type Sigaction = unsafe extern "C" fn(c_int, *const libc::sigaction, *mut libc::sigaction) -> c_int;

fn disposition(signal: c_int) -> libc::sigaction {
    let mut found = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only; `found` has room, and all zero is a valid value of it.
    unsafe {
        sigaction()(signal, ptr::null(), found.as_mut_ptr());
        found.assume_init()
    }
}

fn set_disposition(signal: c_int, new: &libc::sigaction) {
    // SAFETY: `new` is a disposition that was read before, or a handler of ours.
    unsafe { sigaction()(signal, new, ptr::null_mut()) };
}

/// PHP's own `zend_sigaction` where it defers signals, else the system's. A PHP without deferral does
/// not have the symbol, so it is looked up.
fn sigaction() -> Sigaction {
    // SAFETY: a lookup by name; if it is there, it has this signature (Zend/zend_signal.h), but for the
    // result, which is not read.
    unsafe {
        let own = libc::dlsym(libc::RTLD_DEFAULT, c"zend_sigaction".as_ptr());
        if own.is_null() {
            return libc::sigaction;
        }
        std::mem::transmute::<*mut libc::c_void, Sigaction>(own)
    }
}
