//! Writing waiting frames, coalesced: everything pending leaves in one system call where it can.

use std::{
    io::{self, IoSlice},
    task::{Context, Poll},
    time::Duration,
};

use super::{Buffers, Connection};

/// The outcome of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing waits any more.
    All,
    /// The socket is full; the waker will tell when it is not.
    Some,
}

impl Connection {
    /// Writes until nothing waits or the socket is full. `written` grows by the bytes that left, or are sealed in
    /// records that wait in the stream.
    pub fn write(
        &mut self,
        buffers: &mut Buffers,
        now: Duration,
        written: &mut usize,
    ) -> io::Result<Written> {
        self.outbox.place_pong(self.stalled.is_some());
        let unsent = self.stream.unsent();
        loop {
            let done = self.outbox.is_empty();
            let step = if done { self.flush() } else { self.write_once(buffers) };
            match step {
                Poll::Ready(Ok(_)) if done => break,
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(bytes)) => {
                    *written += bytes;
                    let before = self.outbox.retained();
                    self.outbox.advance(bytes);
                    if let Some(open) = &mut self.open {
                        open.unreported -= (before - self.outbox.retained()) as isize;
                    }
                    // Progress: the clock of a stalled client starts again.
                    if self.stalled.is_some() {
                        self.stalled = Some(now);
                    }
                }
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => {
                    if self.stalled.is_none() || self.stream.unsent() < unsent {
                        self.stalled = Some(now);
                    }
                    self.outbox.own();
                    return Ok(Written::Some);
                }
            }
        }
        self.stalled = None;
        Ok(Written::All)
    }

    fn flush(&mut self) -> Poll<io::Result<usize>> {
        self.stream.poll_flush(&mut Context::from_waker(&self.waker)).map_ok(|()| 0)
    }

    fn write_once(&mut self, buffers: &mut Buffers) -> Poll<io::Result<usize>> {
        let mut cx = Context::from_waker(&self.waker);
        let Buffers { gathered, records, .. } = buffers;
        let first = self.outbox.first();
        let secured = self.stream.is_secured();
        if self.outbox.frames() == 1 || secured && first.len() >= GATHER {
            return self.stream.poll_write(&mut cx, first, records);
        }
        // Copying a few hundred bytes is cheaper than one more slice in the system call, and than one more
        // record.
        if secured || self.outbox.bytes() <= GATHER {
            gathered.clear();
            self.outbox.gather(gathered, GATHER);
            return self.stream.poll_write(&mut cx, gathered, records);
        }
        let mut slices = [IoSlice::new(&[]); SLICES];
        let filled = self.outbox.slices(&mut slices);
        self.stream.poll_write_vectored(&mut cx, slices.get(..filled).unwrap_or_default(), records)
    }
}

/// Pending frames are gathered into one buffer up to this size, which fits one record of TLS.
const GATHER: usize = 16 << 10;
/// Slices of a vectored write.
const SLICES: usize = 64;
