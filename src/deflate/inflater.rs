//! The other direction: the bytes of compressed frames into messages, never longer than allowed.

use flate2::{Decompress, FlushDecompress, Status};

/// A decompressor.
#[derive(Debug)]
pub struct Inflater {
    state: Decompress,
}

/// Why a message cannot be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflateError {
    /// It would be longer than allowed.
    TooBig,
    /// It is not what a compressor writes.
    Corrupt,
}

impl Inflater {
    /// For windows of up to `window_bits`, 9 to 15.
    pub fn new(window_bits: u8) -> Self {
        Self { state: Decompress::new_with_window_bits(false, window_bits.clamp(9, 15)) }
    }

    /// Inflates one message of at most `limit` bytes (RFC 7692 section 7.2.2). It may refer back to
    /// the last one, unless [`reset`](Self::reset) came between. After an error `reset` must come.
    ///
    /// The limit is on what comes out: there is never room for more than one byte beyond it, and room
    /// grows only with what has come out. So a bomb costs no more than a message that is allowed. Time
    /// is in proportion to what comes in and what comes out, also if each few bytes end a stream.
    pub fn inflate(&mut self, message: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
        let mut out = Vec::new();
        if message.is_empty() {
            // Not a block, as section 7.2.3.6 wants it, but what is left of a flush that had nothing to write. The
            // tail alone would be the beginning of a stored block.
            return Ok(out);
        }
        for (mut input, is_tail) in [(message, false), (&END[..], true)] {
            loop {
                grow(&mut out, limit);
                let (taken_before, made_before) = (self.state.total_in(), out.len());
                let status = self
                    .state
                    .decompress_vec(input, &mut out, FlushDecompress::Sync)
                    .map_err(|_| InflateError::Corrupt)?;
                if is_tail && out.len() > made_before {
                    // The message ends inside a block, which takes the tail for a part of it.
                    return Err(InflateError::Corrupt);
                }
                if out.len() > limit {
                    return Err(InflateError::TooBig);
                }
                let taken = usize::try_from(self.state.total_in() - taken_before).unwrap_or(usize::MAX);
                input = input.get(taken..).unwrap_or_default();
                if status == Status::StreamEnd {
                    // A final block ends the stream, not the message: what follows begins another
                    // (section 7.2.3.4).
                    self.reset();
                    if is_tail || input.is_empty() {
                        return if is_tail { Err(InflateError::Corrupt) } else { Ok(out) };
                    }
                } else if input.is_empty() && out.len() < out.capacity() {
                    break;
                } else if taken == 0 && out.len() == made_before && out.len() < out.capacity() {
                    return Err(InflateError::Corrupt);
                }
            }
        }
        Ok(out)
    }

    /// Forgets what was inflated before.
    pub fn reset(&mut self) {
        self.state.reset(false);
    }
}

/// Makes room for the next step: at least 4 KiB, as much again as there is, never more than one byte
/// beyond the limit, which is where it shows that there is too much.
fn grow(out: &mut Vec<u8>, limit: usize) {
    if out.len() < out.capacity() {
        return;
    }
    let most = limit.saturating_add(1).saturating_sub(out.len());
    out.reserve_exact(out.len().max(STEP).min(most));
}

/// What a sender left out at the end (section 7.2.1), and an empty block after it: whoever is inside a block,
/// and takes the first four bytes for codes of it, cannot take the other five too without making something
/// of them or seeing that they are wrong, for no code has so many bits. Only a table of codes that is cut short may
/// still swallow both; such a message is what came before it.
const END: [u8; 9] = [0, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff];
/// The first room.
const STEP: usize = 4 << 10;
