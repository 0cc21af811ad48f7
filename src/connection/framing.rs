//! Outgoing messages as frames.

use bytes::{Bytes, BytesMut};

use super::SMALL_FRAME;
use crate::frame::{OpCode, encode, encoded_len};

/// Frames the messages of one thread.
///
/// Small frames share a chunk of memory: one allocation for many. Each leaves as a slice of the chunk; a client that
/// makes its frames wait gets a copy (`Outbox::own`), so that one slow client does not keep the frames of others.
#[derive(Debug, Default)]
pub struct Framer {
    chunk: BytesMut,
}

impl Framer {
    /// Returns header and payload of one final, unmasked frame (RFC 6455 section 5.2).
    pub fn frame(&mut self, payload: &[u8], binary: bool) -> Bytes {
        let opcode = if binary { OpCode::Binary } else { OpCode::Text };
        let size = encoded_len(payload.len());
        if size > SMALL_FRAME {
            let mut frame = BytesMut::with_capacity(size);
            encode(&mut frame, opcode, payload);
            return frame.freeze();
        }
        if self.chunk.capacity() < size {
            // Reuses the same memory if every frame in it has left.
            self.chunk.reserve(CHUNK);
        }
        encode(&mut self.chunk, opcode, payload);
        self.chunk.split().freeze()
    }
}

/// Bytes of a chunk.
const CHUNK: usize = 64 << 10;
