//! A descriptor that becomes readable when its owner is to wake. `poll(2)`, `stream_select` and every event loop can
//! wait for it.
//!
//! Wakes carry no data and do not add up: one read clears all of them. A wake never blocks and none is lost: a
//! descriptor that is full is readable.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::Arc,
};

use nix::{errno::Errno, unistd};

use crate::descriptors::placed;

/// The reading end, and the owner of both.
#[derive(Debug)]
pub struct WakeFd {
    read: Arc<OwnedFd>,
    write: Arc<OwnedFd>,
}

/// The writing end.
#[derive(Debug, Clone)]
pub struct Waker {
    write: Arc<OwnedFd>,
}

impl WakeFd {
    /// Makes a descriptor that is not readable yet: an eventfd on Linux, a pipe elsewhere.
    pub fn new() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            use nix::sys::eventfd::{EfdFlags, EventFd};
            let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
            let fd = Arc::new(placed(|| Ok(OwnedFd::from(EventFd::from_flags(flags)?)))?);
            Ok(Self { read: fd.clone(), write: fd })
        }
        #[cfg(not(target_os = "linux"))]
        {
            use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
            let (read, write) = unistd::pipe()?;
            let (read, write) = (placed(|| Ok(read))?, placed(|| Ok(write))?);
            for end in [&read, &write] {
                fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
                fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
            }
            Ok(Self { read: Arc::new(read), write: Arc::new(write) })
        }
    }

    /// A writing end for another thread.
    pub fn waker(&self) -> Waker {
        Waker { write: self.write.clone() }
    }

    /// Makes the descriptor unreadable again.
    pub fn clear(&self) {
        let mut bytes = [0; 64];
        // An eventfd is empty after one read; a pipe may hold more, one byte for each wake.
        while self.can_be_read() && matches!(unistd::read(&*self.read, &mut bytes), Ok(n) if n == bytes.len())
        {
        }
    }

    /// Makes another descriptor that is readable whenever this one is, for callers that only wait. Reading it, or
    /// turning its non-blocking mode off, does not affect this one: it is an epoll instance on Linux. Elsewhere it is a
    /// duplicate, so [`clear`](Self::clear) polls before it reads there.
    pub fn watch(&self) -> io::Result<OwnedFd> {
        #[cfg(target_os = "linux")]
        let watch = {
            use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            epoll.add(&*self.read, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
            epoll.0
        };
        #[cfg(not(target_os = "linux"))]
        let watch = self.read.try_clone()?;
        Ok(watch)
    }

    #[cfg(target_os = "linux")]
    fn can_be_read(&self) -> bool {
        true
    }

    #[cfg(not(target_os = "linux"))]
    fn can_be_read(&self) -> bool {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let mut fds = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        matches!(poll(&mut fds, PollTimeout::ZERO), Ok(count) if count > 0)
    }
}

/// Takes an eventfd that another process made.
impl From<OwnedFd> for WakeFd {
    fn from(descriptor: OwnedFd) -> Self {
        let descriptor = Arc::new(descriptor);
        Self { read: descriptor.clone(), write: descriptor }
    }
}

/// Takes an eventfd that another process made.
impl From<OwnedFd> for Waker {
    fn from(descriptor: OwnedFd) -> Self {
        Self { write: Arc::new(descriptor) }
    }
}

impl AsFd for WakeFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

impl Waker {
    /// Makes the descriptor readable. Never blocks: a descriptor that is full is readable already.
    pub fn wake(&self) {
        loop {
            match unistd::write(&*self.write, &1_u64.to_ne_bytes()) {
                Err(Errno::EINTR) => {}
                _ => return,
            }
        }
    }

    /// The descriptor to which a signal handler writes eight bytes, `1_u64` in native order.
    pub fn as_raw_fd(&self) -> RawFd {
        self.write.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use nix::{
        fcntl::{FcntlArg, OFlag, fcntl},
        poll::{PollFd, PollFlags, PollTimeout, poll},
    };

    use super::*;

    fn is_readable(fd: &impl AsFd) -> bool {
        poll(&mut [PollFd::new(fd.as_fd(), PollFlags::POLLIN)], PollTimeout::ZERO).unwrap() == 1
    }

    #[test]
    fn a_watch_is_readable_whenever_the_descriptor_is() {
        let wake = WakeFd::new().unwrap();
        let watch = wake.watch().unwrap();
        assert!(!is_readable(&watch));
        for _ in 0..2 {
            wake.waker().wake();
            assert!(is_readable(&watch) && is_readable(&wake));
            wake.clear();
            assert!(!is_readable(&watch) && !is_readable(&wake));
        }
    }

    #[test]
    fn a_watch_can_be_made_blocking_without_making_the_clearing_block() {
        let wake = WakeFd::new().unwrap();
        let watch = wake.watch().unwrap();
        fcntl(&watch, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
        wake.clear();
        wake.waker().wake();
        wake.clear();
        assert!(!is_readable(&wake));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn nothing_can_be_read_from_a_watch_nor_written_to_it() {
        let wake = WakeFd::new().unwrap();
        let watch = wake.watch().unwrap();
        wake.waker().wake();
        assert_eq!(unistd::read(&watch, &mut [0; 8]), Err(Errno::EINVAL));
        assert_eq!(unistd::write(&watch, &1_u64.to_ne_bytes()), Err(Errno::EINVAL));
        assert!(is_readable(&wake));
    }
}
