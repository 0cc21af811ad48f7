//! Threads that no signal reaches.

use std::{io, thread};

use nix::sys::signal::{SigSet, SigmaskHow};

/// Spawns a thread with every signal blocked from its first instruction: signals are PHP's, and one
/// that landed here while PHP's thread waits would not wake it.
pub(super) fn spawn<T: Send + 'static>(
    name: String,
    body: impl FnOnce() -> T + Send + 'static,
) -> io::Result<thread::JoinHandle<T>> {
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK)?;
    let thread = thread::Builder::new().name(name).spawn(body);
    before.thread_set_mask()?;
    thread
}

#[cfg(test)]
mod tests {
    use nix::sys::signal::Signal;

    use super::*;

    #[test]
    fn a_thread_of_ours_has_all_signals_blocked_and_the_spawner_has_what_it_had() {
        let before = SigSet::thread_get_mask().unwrap();
        let inside = spawn("test".into(), || SigSet::thread_get_mask().unwrap()).unwrap().join().unwrap();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGALRM, Signal::SIGPROF, Signal::SIGUSR1] {
            assert!(inside.contains(signal), "{signal}");
        }
        assert_eq!(SigSet::thread_get_mask().unwrap(), before);
    }
}
