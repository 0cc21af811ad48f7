//! A descriptor that becomes readable when its owner is to wake: what `poll(2)`, `stream_select` and
//! every event loop understand.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::Arc,
};

use nix::{errno::Errno, unistd};

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
    /// A descriptor that is not readable yet: an eventfd on Linux, a pipe elsewhere.
    pub fn new() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        {
            use nix::sys::eventfd::{EfdFlags, EventFd};
            let fd = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
            let fd = Arc::new(OwnedFd::from(fd));
            Ok(Self { read: fd.clone(), write: fd })
        }
        #[cfg(not(target_os = "linux"))]
        {
            use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
            let (read, write) = unistd::pipe()?;
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

    /// Makes it unreadable again.
    pub fn clear(&self) {
        let mut bytes = [0; 64];
        // An eventfd is empty after one read; a pipe may hold more, one byte for each wake.
        while matches!(unistd::read(&*self.read, &mut bytes), Ok(n) if n == bytes.len()) {}
    }
}

impl AsFd for WakeFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.read.as_fd()
    }
}

impl Waker {
    /// Makes the descriptor readable. Never blocks: one that is full is readable already.
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
