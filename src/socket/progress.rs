//! What a client has acknowledged of what was written to its socket.
//!
//! A socket that takes nothing more is not one whose client takes nothing: the system has megabytes of its own,
//! and says that there is room only when a good part of them has left.
#![allow(unsafe_code)]

use socket2::SockRef;

/// How far what was written to a socket had come at the last look.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Way {
    /// Of TCP, the bytes that were acknowledged in all, modulo 2^32; of a Unix socket, what was not read.
    mark: u32,
    /// Whether something waited for the other side.
    waited: bool,
}

impl Way {
    /// Looks, and says whether the other side has taken something since the last look. Only a side that was waited
    /// for then and is waited for now tells something: the system also acknowledges for a program that hangs.
    pub(super) fn look(&mut self, written: Option<u32>, queued: Option<u32>) -> bool {
        let Some(queued) = queued else { return false };
        let before = *self;
        self.waited = queued > 0;
        // What a Unix socket counts is not what was written: only that it shrinks says something.
        self.mark = written.map_or(queued, |written| written.wrapping_sub(queued));
        let moved = match written {
            Some(_) => self.mark != before.mark,
            None => self.mark < before.mark,
        };
        before.waited && self.waited && moved
    }
}

/// Bytes that were written and that the other side has not acknowledged, or read. `None`: the system does not say.
#[cfg(target_os = "linux")]
pub(super) fn queued(socket: &SockRef<'_>) -> Option<u32> {
    use std::os::fd::AsRawFd;

    let mut queued: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, which is TIOCOUTQ, writes an int to where it is told, and to nowhere else; the descriptor is
    // open for as long as `socket` is borrowed.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut queued) };
    (result == 0).then(|| queued.unsigned_abs())
}

/// Elsewhere progress is only what the socket takes.
#[cfg(not(target_os = "linux"))]
pub(super) fn queued(_: &SockRef<'_>) -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_tell_something_only_of_who_is_waited_for() {
        let mut way = Way::default();
        assert!(!way.look(Some(1000), Some(1000)), "nothing was acknowledged");
        assert!(way.look(Some(1000), Some(900)));
        assert!(!way.look(Some(1200), Some(1100)), "only more was written");
        assert!(!way.look(Some(1200), Some(0)), "all of it, by whoever");
        assert!(!way.look(Some(1210), Some(0)), "a ping that its system took");
        assert!(!way.look(Some(u32::MAX), Some(5)));
        assert!(way.look(Some(10), Some(1)), "beyond 4 GiB");
        assert!(!way.look(Some(10), None));
    }

    #[test]
    fn a_unix_socket_tells_something_when_its_queue_shrinks() {
        let mut way = Way::default();
        assert!(!way.look(None, Some(1000)));
        assert!(!way.look(None, Some(2000)));
        assert!(way.look(None, Some(1500)));
        assert!(!way.look(None, Some(1500)));
    }
}
