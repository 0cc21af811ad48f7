//! The bytes written to a socket that its client has acknowledged.
//!
//! A socket that takes nothing more is not one whose client takes nothing: the system has megabytes of its own, and
//! says that there is room only when a good part of them has left.
#![allow(unsafe_code)]

use socket2::SockRef;

/// The progress of a socket's written bytes at the last look.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Way {
    /// Bytes that were written in all, less those that were queued, modulo 2^32: the acknowledged bytes, over TCP.
    mark: u32,
    /// True if bytes waited for the other side.
    waited: bool,
}

impl Way {
    /// Looks, and says whether the other side has taken something since the last look. Only a side that was waited
    /// for then and is waited for now tells something: the system also acknowledges for a program that hangs.
    pub(super) fn look(&mut self, written: u32, queued: Option<u32>) -> bool {
        let Some(queued) = queued else { return false };
        let before = *self;
        self.waited = queued > 0;
        self.mark = written.wrapping_sub(queued);
        // A Unix socket queues more than was written, since it counts memory: a write moves the mark back.
        let moved = self.mark.wrapping_sub(before.mark).cast_signed() > 0;
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

/// On other systems progress is only a write that the socket takes.
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
        assert!(!way.look(1000, Some(1000)), "nothing was acknowledged");
        assert!(way.look(1000, Some(900)));
        assert!(!way.look(1200, Some(1100)), "only more was written");
        assert!(!way.look(1200, Some(0)), "all of it, by whoever");
        assert!(!way.look(1210, Some(0)), "a ping that its system took");
        assert!(!way.look(u32::MAX, Some(5)));
        assert!(way.look(10, Some(1)), "beyond 4 GiB");
        assert!(!way.look(10, None));
    }

    #[test]
    fn a_unix_socket_tells_something_when_its_queue_shrinks_also_while_more_is_written() {
        let mut way = Way::default();
        assert!(!way.look(800, Some(1000)));
        assert!(!way.look(1600, Some(2000)), "only more was written");
        assert!(way.look(1600, Some(1500)));
        assert!(!way.look(1600, Some(1500)));
        assert!(way.look(2400, Some(2000)), "half of it was read, and as much written again");
    }
}
