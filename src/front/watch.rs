//! The descriptors that wake the front beside the server's events: signals, workers' bells, ends and first words.

#![allow(unsafe_code)] // A process's descriptor comes from the system as a number.

use std::{
    io,
    os::fd::{AsFd, FromRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
        signal::{SigSet, Signal},
        signalfd::{SfdFlags, SignalFd},
    },
};

use crate::{
    descriptors::placed,
    queue::{WakeFd, Waker},
};

/// All those descriptors.
#[derive(Debug)]
pub(super) struct Watch {
    epoll: Epoll,
    signals: SignalFd,
    bell: WakeFd,
    before: SigSet,
}

/// The reason for a wake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Woke {
    /// A signal of these: TERM, INT, QUIT, HUP, USR1.
    Signal(Signal),
    /// A worker has something to read.
    Bell,
    /// The process of the worker with this key has ended.
    Ended(u64),
    /// The worker with this key has written to its socket.
    Spoke(u64),
    /// A client of the management socket has come or written.
    Managed,
}

impl Watch {
    /// Takes the signals from here on; dropped, it gives them back.
    pub(super) fn new() -> io::Result<Self> {
        let mut taken = SigSet::empty();
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGUSR1] {
            taken.add(signal);
        }
        let before = SigSet::thread_get_mask()?;
        taken.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        let signals = SignalFd::with_flags(&taken, flags)?;
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let bell = WakeFd::new()?;
        epoll.add(&signals, EpollEvent::new(EpollFlags::EPOLLIN, SIGNALS))?;
        epoll.add(bell.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, BELL))?;
        Ok(Self { epoll, signals, bell, before })
    }

    /// Rings for the front.
    pub(super) fn bell(&self) -> Waker {
        self.bell.waker()
    }

    /// A descriptor that is readable whenever there is something to look at.
    pub(super) fn descriptor(&self) -> io::Result<OwnedFd> {
        placed(|| self.epoll.0.try_clone())
    }

    /// Notices when the worker's process ends and when it speaks. Returns the process's descriptor.
    pub(super) fn add(&self, key: u64, pid: u32, socket: &impl AsFd) -> io::Result<OwnedFd> {
        let process = pidfd(pid)?;
        self.epoll.add(&process, EpollEvent::new(EpollFlags::EPOLLIN, FIRST + key * 2))?;
        self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, FIRST + key * 2 + 1))?;
        Ok(process)
    }

    /// Notices when the management socket or a client of it is readable.
    pub(super) fn manage(&self, socket: &impl AsFd) -> io::Result<()> {
        Ok(self.epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, MANAGEMENT))?)
    }

    /// The worker has said what it has to say on its socket.
    pub(super) fn forget(&self, descriptor: &impl AsFd) {
        let _ = self.epoll.delete(descriptor);
    }

    /// The reasons to wake that there are now; waits for one if `wait`.
    pub(super) fn look(&self, wait: bool) -> Vec<Woke> {
        let mut events = [EpollEvent::empty(); 32];
        let timeout = if wait { EpollTimeout::NONE } else { EpollTimeout::ZERO };
        let count = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) | Err(_) => 0,
        };
        let mut woke = Vec::new();
        for event in events.iter().take(count) {
            match event.data() {
                SIGNALS => {
                    while let Ok(Some(signal)) = self.signals.read_signal() {
                        woke.extend(Signal::try_from(signal.ssi_signo as i32).map(Woke::Signal));
                    }
                }
                BELL => {
                    self.bell.clear();
                    woke.push(Woke::Bell);
                }
                MANAGEMENT => woke.push(Woke::Managed),
                of_worker => {
                    let key = (of_worker - FIRST) / 2;
                    let ended = (of_worker - FIRST).is_multiple_of(2);
                    woke.push(if ended { Woke::Ended(key) } else { Woke::Spoke(key) });
                }
            }
        }
        woke
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.before.thread_set_mask();
    }
}

/// A descriptor that becomes readable when the process ends. A socket would not do: a child that a callback forked keeps
/// it open.
fn pidfd(pid: u32) -> io::Result<OwnedFd> {
    placed(|| {
        // SAFETY: the call takes plain numbers, and returns a new descriptor or an error.
        let descriptor = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        let descriptor = i32::try_from(descriptor).map_err(io::Error::other)?;
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor has just been made, and nothing else knows its number.
        Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
    })
}

const SIGNALS: u64 = 0;
const BELL: u64 = 1;
const MANAGEMENT: u64 = 2;
const FIRST: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_is_noticed_though_its_child_lives_on() {
        let watch = Watch::new().unwrap();
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut child = std::process::Command::new("sh").args(["-c", "sleep 5 & exit 3"]).spawn().unwrap();
        let process = watch.add(7, child.id(), &ours).unwrap();
        assert!(std::os::fd::AsRawFd::as_raw_fd(&process) >= 3);
        assert_eq!(watch.look(true), [Woke::Ended(7)]);
        assert_eq!(child.wait().unwrap().code(), Some(3));
        watch.bell().wake();
        assert!(watch.look(true).contains(&Woke::Bell));
    }
}
