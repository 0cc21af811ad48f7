//! Writing what waits, coalesced: everything pending leaves in one system call where it can.

use std::{
    io::{self, IoSlice},
    task::{Context, Poll},
    time::Duration,
};

use super::Connection;

/// What a write left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing waits any more.
    All,
    /// The socket is full; the waker will tell when it is not.
    Some,
}

impl Connection {
    /// Writes until nothing waits or the socket is full. `written` grows by what left. `scratch` is
    /// the shard's, to gather small frames in.
    pub fn write(
        &mut self,
        scratch: &mut Vec<u8>,
        now: Duration,
        written: &mut usize,
    ) -> io::Result<Written> {
        self.outbox.place_pong();
        while !self.outbox.is_empty() {
            match self.write_once(scratch) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(bytes)) => {
                    *written += bytes;
                    self.outbox.advance(bytes);
                    if let Some(session) = &mut self.session {
                        session.unreported -= bytes as isize;
                    }
                    // Progress: the clock of a stalled client starts again.
                    if self.stalled.is_some() {
                        self.stalled = Some(now);
                    }
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    self.stalled.get_or_insert(now);
                    self.outbox.own();
                    return Ok(Written::Some);
                }
            }
        }
        self.stalled = None;
        Ok(Written::All)
    }

    fn write_once(&mut self, scratch: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let mut cx = Context::from_waker(&self.waker);
        if self.outbox.frames() == 1 {
            return self.stream.poll_write(&mut cx, self.outbox.first());
        }
        // Copying a few hundred bytes is cheaper than one more slice in the system call.
        if self.outbox.bytes() <= GATHER {
            scratch.clear();
            self.outbox.gather(scratch);
            return self.stream.poll_write(&mut cx, scratch);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = self.outbox.slices(&mut slices);
        self.stream.poll_write_vectored(&mut cx, slices.get(..filled).unwrap_or_default())
    }
}

/// Up to here pending frames are gathered into one buffer.
const GATHER: usize = 16 << 10;
/// Slices of a vectored write.
const SLICES: usize = 64;
