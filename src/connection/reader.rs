//! Reading into the buffer that the shard lends.

use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};

use super::{Buffers, Connection};
use crate::frame::CHUNK;

/// The outcome of a read.
#[derive(Debug)]
pub enum Read {
    /// Bytes to decode, and how many came from the socket: more than there are to decode if they
    /// went straight to where a large message is put together, none if they were read before.
    Bytes(BytesMut, usize),
    /// Nothing more at the moment; the waker will tell.
    Nothing,
    /// The client has finished sending, or the connection broke.
    End,
}

impl Connection {
    /// Reads once, at most `most` bytes: bytes that were read and left before, the tail of a large message straight
    /// into its place, or else into the shard's memory.
    pub fn read(&mut self, buffers: &mut Buffers, most: usize) -> Read {
        if !self.unread.is_empty() {
            return Read::Bytes(std::mem::take(&mut self.unread), 0);
        }
        let Buffers { chunk, records, .. } = buffers;
        let mut cx = Context::from_waker(&self.waker);
        if let Some(mut direct) = self.open.as_mut().and_then(|open| open.decoder.direct_buffer()) {
            return match self.stream.poll_read(&mut cx, &mut direct, records) {
                Poll::Pending => Read::Nothing,
                Poll::Ready(Ok(read @ 1..)) => Read::Bytes(BytesMut::new(), read),
                Poll::Ready(_) => Read::End,
            };
        }
        if chunk.capacity() - chunk.len() < LEAST_ROOM {
            // Takes the same memory again unless a large message that lies in it still waits.
            chunk.reserve(CHUNK);
        }
        let read = self.stream.poll_read(&mut cx, &mut (&mut *chunk).limit(most), records);
        if let Poll::Ready(Ok(read @ 1..)) = read {
            return Read::Bytes(chunk.split(), read);
        }
        // A session that breaks off has put its plaintext there. Left there, it would come before the bytes of the
        // next connection that reads.
        chunk.clear();
        if read.is_pending() { Read::Nothing } else { Read::End }
    }
}

/// A read with less room than this would cost a system call for too little.
const LEAST_ROOM: usize = 8 << 10;
