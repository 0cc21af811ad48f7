//! One direction of compression: messages into the bytes of compressed frames.

use flate2::{Compress, Compression, FlushCompress, Status};

/// A compressor.
#[derive(Debug)]
pub struct Deflater(Compress);

impl Deflater {
    /// `level` 1 to 9, `window_bits` 9 to 15.
    pub fn new(level: u8, window_bits: u8) -> Self {
        let level = Compression::new(level.clamp(1, 9).into());
        Self(Compress::new_with_window_bits(level, false, window_bits.clamp(9, 15)))
    }

    /// Compresses one message and appends it to `out` (RFC 7692 section 7.2.1). The next one may refer
    /// back to it, unless [`reset`](Self::reset) comes between. False if zlib reports an error, which no input can
    /// cause.
    pub fn deflate(&mut self, mut message: &[u8], out: &mut Vec<u8>) -> bool {
        if message.is_empty() {
            // An empty block; a flush after a flush would write nothing (section 7.2.3.6).
            out.push(0);
            return true;
        }
        loop {
            out.reserve(STEP.max(message.len() / 4));
            let before = self.0.total_in();
            let Ok(status) = self.0.compress_vec(message, out, FlushCompress::Sync) else { return false };
            let taken = usize::try_from(self.0.total_in() - before).unwrap_or(usize::MAX);
            message = message.get(taken..).unwrap_or_default();
            // Room that is left says that the flush is complete.
            if message.is_empty() && out.len() < out.capacity() || status == Status::BufError {
                break;
            }
        }
        if out.ends_with(&TAIL) {
            out.truncate(out.len() - TAIL.len());
        }
        true
    }

    /// Forgets earlier messages.
    pub fn reset(&mut self) {
        self.0.reset();
    }
}

/// The end of a flush, which a compressed message omits (RFC 7692 section 7.2.1).
const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];
/// The least room for a step of output.
const STEP: usize = 256;
