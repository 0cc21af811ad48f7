//! Standard error, for lines that never make the process wait.
//!
//! Its reader may have stopped: then a pipe fills, and a write would never return. A line that does not go out at
//! once is dropped and counted, and the next one that goes out says how many were. The flags of the descriptor stay
//! as they are, for other processes share it.
//!
//! Number 2 need not be standard error: a script may close it, and the next opened file gets the number. So nothing
//! is written unless the descriptor is still the one of the module's start.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::{FileStat, SFlag, fstat},
    unistd,
};

use crate::metrics::LOG_LINES_DROPPED;

/// Remembers its identity; once, when the module starts.
pub fn remember() {
    let _ = AT_START.set(writable(io::stderr().as_fd()).map(Identity::of));
}

/// Writes one line, which has no line break, in one piece.
pub fn line(text: &str) {
    let unsaid = UNSAID.load(Ordering::Relaxed);
    if unsaid > 0 {
        let note =
            format!("warning: ferrite: {unsaid} log lines were dropped, standard error did not take them\n");
        if !write(note.as_bytes()) {
            drop_line();
            return;
        }
        UNSAID.fetch_sub(unsaid, Ordering::Relaxed);
    }
    if !write(format!("{text}\n").as_bytes()) {
        drop_line();
    }
}

/// Counts a line that was not written.
pub fn drop_line() {
    UNSAID.fetch_add(1, Ordering::Relaxed);
    LOG_LINES_DROPPED.add_from_anywhere(1);
}

/// True if it takes a line of at most [`LONGEST`] bytes now.
pub fn is_ready() -> bool {
    is_standard_error().is_some() && takes(io::stderr().as_fd())
}

/// True if standard output takes as much now.
pub fn is_output_ready() -> bool {
    takes(io::stdout().as_fd())
}

fn write(line: &[u8]) -> bool {
    let Some(status) = is_standard_error() else { return false };
    let all = |written: nix::Result<usize>| matches!(written, Ok(count) if count == line.len());
    let kind = SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT;
    // A file always takes it, and one that were opened again would be written from its beginning.
    if (kind == SFlag::S_IFIFO || kind == SFlag::S_IFCHR)
        && let Some(own) = reopened()
    {
        return all(unistd::write(own, line));
    }
    let stderr = io::stderr();
    takes(stderr.as_fd()) && all(unistd::write(stderr.as_fd(), line))
}

/// The same pipe or terminal, opened again, so that not to wait is a property of this descriptor alone.
#[cfg(target_os = "linux")]
fn reopened() -> Option<std::fs::File> {
    use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt};
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    OpenOptions::new().write(true).custom_flags(flags).open("/proc/self/fd/2").ok()
}

#[cfg(not(target_os = "linux"))]
fn reopened() -> Option<std::fs::File> {
    None
}

/// For a pipe that means room for as much as POSIX has written in one piece, unless somebody else is faster.
fn takes(descriptor: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(descriptor, PollFlags::POLLOUT)];
    let ready = poll(&mut fds, PollTimeout::ZERO);
    let [fd] = fds;
    matches!(ready, Ok(1)) && fd.revents().is_some_and(|events| events.contains(PollFlags::POLLOUT))
}

fn is_standard_error() -> Option<FileStat> {
    let then = AT_START.get().copied().flatten()?;
    writable(io::stderr().as_fd()).filter(|now| Identity::of(*now) == then)
}

fn writable(descriptor: BorrowedFd<'_>) -> Option<FileStat> {
    let flags = fcntl(descriptor, FcntlArg::F_GETFL).ok()?;
    let is_writable = OFlag::from_bits_truncate(flags) & OFlag::O_ACCMODE != OFlag::O_RDONLY;
    is_writable.then(|| fstat(descriptor).ok()).flatten()
}

/// The identity of a descriptor's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity {
    device: libc::dev_t,
    inode: libc::ino_t,
    special: libc::dev_t,
}

impl Identity {
    fn of(status: FileStat) -> Self {
        Self { device: status.st_dev, inode: status.st_ino, special: status.st_rdev }
    }
}

/// `None` in it: it was closed.
static AT_START: OnceLock<Option<Identity>> = OnceLock::new();
/// Lines that were dropped and not spoken of yet.
static UNSAID: AtomicU64 = AtomicU64::new(0);
/// Bytes of a line at most, its break included: as much as a pipe takes in one piece (PIPE_BUF on Linux, and the
/// smallest free place in one).
pub const LONGEST: usize = 4096;
