//! Memory that a shard lends to whichever connection reads or writes just now.

use bytes::{Bytes, BytesMut};

/// One set for each shard, so that connections need none of their own.
#[derive(Debug, Default)]
pub struct Buffers {
    /// What is read. Only large messages stay slices of it.
    pub(super) chunk: BytesMut,
    /// Where small messages wait for the consumer, one behind the other and nothing between them.
    small: BytesMut,
    /// Small frames that leave in one write.
    pub(super) gathered: Vec<u8>,
    /// What TLS makes of either.
    pub records: Vec<u8>,
}

impl Buffers {
    /// A message that may have to wait: in memory that is about as large as it is. What is read holds much
    /// beside messages, above all control frames, and a single byte would keep all of that.
    pub fn keep(&mut self, message: Bytes) -> Bytes {
        match message.len() {
            0 => Bytes::new(),
            LARGE.. => message,
            size @ ..=SMALL => {
                if self.small.capacity() < size {
                    // Takes the same memory again if every message in it is consumed.
                    self.small.reserve(CHUNK);
                }
                self.small.extend_from_slice(&message);
                self.small.split().freeze()
            }
            _ => Bytes::copy_from_slice(&message),
        }
    }
}

/// What is read, and small messages, share chunks of this size.
pub(super) const CHUNK: usize = 64 << 10;
/// Up to here messages share a chunk.
const SMALL: usize = 4 << 10;
/// From here on a message is at least half of what was read with it.
const LARGE: usize = CHUNK / 2;

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether it is a slice of `chunk`.
    fn is_within(message: &[u8], chunk: std::ops::Range<*const u8>) -> bool {
        chunk.contains(&message.as_ptr())
    }

    #[test]
    fn a_message_that_waits_keeps_no_more_than_twice_its_size() {
        let mut buffers = Buffers::default();
        for size in [1, SMALL, SMALL + 1, LARGE - 1, LARGE, CHUNK] {
            let read = Bytes::from(vec![b'x'; CHUNK]);
            let place = read.as_ptr_range();
            let kept = buffers.keep(read.slice(..size));
            assert_eq!(kept, read.slice(..size));
            assert_eq!(is_within(&kept, place), 2 * size >= CHUNK, "of {size} bytes");
        }
    }

    #[test]
    fn small_messages_lie_one_behind_the_other() {
        let mut buffers = Buffers::default();
        let kept: Vec<_> = (0..100_u8).map(|n| buffers.keep(Bytes::from(vec![n; 3]))).collect();
        let first = kept[0].as_ptr() as usize;
        assert!(kept.iter().enumerate().all(|(n, kept)| kept.as_ptr() as usize == first + 3 * n));
        assert!(kept.iter().zip(0..).all(|(kept, n)| kept[..] == [n; 3]));
    }
}
