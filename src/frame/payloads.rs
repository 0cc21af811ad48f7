//! Memory for messages that may wait.
//!
//! A read brings much beside messages, above all control frames. A message that stayed a slice of it would keep all
//! of that: 64 KiB for a single byte. So messages leave in memory about as large as they are, and the memory of a read
//! can be used again.

use bytes::{Buf, BytesMut};

/// Memory in which small payloads lie one behind the other, with nothing between them. One for each shard.
#[derive(Debug, Default)]
pub struct Payloads {
    chunk: BytesMut,
}

impl Payloads {
    /// Takes `length` bytes behind the first `skip` out of `input`, for as long as the consumer needs them: into
    /// memory of which they are at least half, unless they are at least half of one read.
    #[inline(always)]
    pub(super) fn take(&mut self, input: &mut BytesMut, skip: usize, length: usize) -> BytesMut {
        if length > SMALL {
            return Self::take_alone(input, skip, length);
        }
        let end = skip + length;
        if self.chunk.capacity() < length {
            self.refill();
        }
        self.chunk.extend_from_slice(input.get(skip..end).unwrap_or_default());
        input.advance(end);
        self.chunk.split()
    }

    /// One that shares its memory with no other.
    #[inline(never)]
    fn take_alone(input: &mut BytesMut, skip: usize, length: usize) -> BytesMut {
        input.advance(skip);
        if length >= LARGE {
            return input.split_to(length);
        }
        let payload = BytesMut::from(input.get(..length).unwrap_or_default());
        input.advance(length);
        payload
    }

    /// Takes the same memory again if every payload in it is consumed.
    #[cold]
    fn refill(&mut self) {
        self.chunk.reserve(CHUNK);
    }
}

/// Most bytes of one read, and the size of the memory that small payloads share.
pub const CHUNK: usize = 64 << 10;
/// Up to here payloads share a chunk.
const SMALL: usize = 4 << 10;
/// From here on a payload is at least half of the bytes that were read with it.
const LARGE: usize = CHUNK / 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_that_waits_keeps_no_more_than_twice_its_size() {
        let mut payloads = Payloads::default();
        for size in [1, SMALL, SMALL + 1, LARGE - 1, LARGE, CHUNK] {
            let mut read = BytesMut::from(&vec![b'x'; CHUNK][..]);
            let place = read.as_ptr_range();
            let payload = payloads.take(&mut read, 0, size);
            assert_eq!((payload.len(), read.len()), (size, CHUNK - size));
            assert_eq!(place.contains(&payload.as_ptr()), 2 * size >= CHUNK, "of {size} bytes");
        }
    }

    #[test]
    fn small_payloads_lie_one_behind_the_other() {
        let mut payloads = Payloads::default();
        let mut read = BytesMut::from(&(0..200).collect::<Vec<u8>>()[..]);
        let taken: Vec<_> = (0..60).map(|_| payloads.take(&mut read, 0, 3)).collect();
        let first = taken[0].as_ptr() as usize;
        for (n, payload) in taken.iter().enumerate() {
            let bytes = [0, 1, 2].map(|byte| 3 * n as u8 + byte);
            assert_eq!((payload.as_ptr() as usize, &payload[..]), (first + 3 * n, &bytes[..]));
        }
    }
}
