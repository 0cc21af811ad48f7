//! The other direction: the bytes of compressed frames into messages, never longer than allowed.

use std::mem;

use flate2::{Decompress, FlushDecompress, Status};

/// A decompressor, and the message that it is in the middle of.
#[derive(Debug)]
pub struct Inflater {
    state: Decompress,
    /// What has come out of the message.
    out: Vec<u8>,
    /// How much of it has come.
    arrived: usize,
    /// Whether what has come ends where a stream does.
    ended: bool,
}

/// Why a message cannot be inflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflateError {
    /// It would be longer than allowed.
    TooBig,
    /// It is not what a compressor writes.
    Corrupt,
    /// Next to nothing comes out of it: see [`is_hollow`].
    Hollow,
}

impl Inflater {
    /// For windows of up to `window_bits`, 9 to 15.
    pub fn new(window_bits: u8) -> Self {
        let state = Decompress::new_with_window_bits(false, window_bits.clamp(9, 15));
        Self { state, out: Vec::new(), arrived: 0, ended: false }
    }

    /// Takes the next bytes of a message of at most `limit` bytes, cut anywhere, all but the last:
    /// [`finish`](Self::finish) ends it. The same is made of a message however it is cut.
    pub fn push(&mut self, mut part: &[u8], limit: usize) -> Result<(), InflateError> {
        while !part.is_empty() {
            // Up to where what has come out is looked at, which is the same place for all ways to cut.
            let (step, rest) = part.split_at(part.len().min(LOOK - self.arrived % LOOK));
            self.arrived += step.len();
            self.run(step, false, limit)?;
            if self.arrived.is_multiple_of(LOOK) && is_hollow(self.arrived, self.out.len()) {
                self.out = Vec::new();
                return Err(InflateError::Hollow);
            }
            part = rest;
        }
        Ok(())
    }

    /// Inflates what is left of a message, or all of it (RFC 7692 section 7.2.2). It may refer back to
    /// the last one, unless [`reset`](Self::reset) came between. After an error `reset` must come.
    ///
    /// The limit is on what comes out: there is never room for more than one byte beyond it, and room
    /// grows only with what has come out. So a bomb costs no more than a message that is allowed. Time
    /// is in proportion to what comes in and what comes out, also if each few bytes end a stream.
    pub fn finish(&mut self, last: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
        self.push(last, limit)?;
        // No bytes are not a block, as section 7.2.3.6 wants it, but what is left of a flush that had nothing to
        // write. The tail alone would be the beginning of a stored block; after a stream it would be that of the next.
        if self.arrived > 0 && !self.ended {
            self.run(&END, true, limit)?;
        }
        (self.arrived, self.ended) = (0, false);
        Ok(mem::take(&mut self.out))
    }

    /// How much of an unfinished message has come.
    pub fn arrived(&self) -> usize {
        self.arrived
    }

    /// The memory of what has come out of it.
    pub fn held(&self) -> usize {
        self.out.capacity()
    }

    /// Forgets what was inflated before, also an unfinished message.
    pub fn reset(&mut self) {
        self.state.reset(false);
        self.out = Vec::new();
        (self.arrived, self.ended) = (0, false);
    }

    /// Inflates `input`. An error lets go of all that has come out.
    fn run(&mut self, mut input: &[u8], is_tail: bool, limit: usize) -> Result<(), InflateError> {
        let mut out = mem::take(&mut self.out);
        loop {
            grow(&mut out, limit);
            let (taken_before, made_before) = (self.state.total_in(), out.len());
            let status = self.state.decompress_vec(input, &mut out, FlushDecompress::Sync);
            if is_tail && out.len() > made_before {
                // The message ends inside a block, which takes the tail for a part of it.
                return Err(InflateError::Corrupt);
            }
            // Before what is wrong behind it, which may come with a later part.
            if out.len() > limit {
                return Err(InflateError::TooBig);
            }
            let status = status.map_err(|_| InflateError::Corrupt)?;
            let taken = usize::try_from(self.state.total_in() - taken_before).unwrap_or(usize::MAX);
            input = input.get(taken..).unwrap_or_default();
            self.ended = status == Status::StreamEnd;
            if self.ended {
                // A final block ends the stream, not the message: what follows begins another
                // (section 7.2.3.4).
                self.state.reset(false);
                if is_tail {
                    return Err(InflateError::Corrupt);
                }
                if input.is_empty() {
                    break;
                }
            } else if input.is_empty() && out.len() < out.capacity() {
                break;
            } else if taken == 0 && out.len() == made_before && out.len() < out.capacity() {
                return Err(InflateError::Corrupt);
            }
        }
        self.out = out;
        Ok(())
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

/// Whether so little has come out of `arrived` bytes as no compressor makes of them. One that flushes after every
/// single byte writes seven for it, or eleven without compression; what cannot be compressed grows by far less. But blocks
/// that hold nothing beside their tables of codes cost up to 67 ns a byte, and yield nothing that is counted elsewhere.
fn is_hollow(arrived: usize, out: usize) -> bool {
    arrived > out.saturating_mul(MOST_FOR_A_BYTE).saturating_add(OVERHEAD)
}

/// What a sender left out at the end (section 7.2.1), and an empty block after it: whoever is inside a block,
/// and takes the first four bytes for codes of it, cannot take the other five too without making something
/// of them or seeing that they are wrong, for no code has so many bits. Only a table of codes that is cut short may
/// still swallow both; such a message is what came before it.
const END: [u8; 9] = [0, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff];
/// The first room.
const STEP: usize = 4 << 10;
/// Compressed bytes for a byte of a message, and those that any message may have beside it.
const MOST_FOR_A_BYTE: usize = 16;
const OVERHEAD: usize = 4 << 10;
/// How often it is looked at what comes out. A decompressor that is interrupted copies its window.
const LOOK: usize = 16 << 10;
