//! The other direction: the bytes of compressed frames into messages, never longer than allowed.

use std::mem;

use flate2::{Decompress, FlushDecompress, Status};

/// A decompressor, and the message that it is in the middle of.
#[derive(Debug)]
pub struct Inflater {
    state: Decompress,
    /// The inflated beginning of the message.
    out: Vec<u8>,
    /// Compressed bytes of it that have come.
    arrived: usize,
    /// True if the bytes that have come end with a whole stream.
    ended: bool,
}

/// Reasons to refuse a compressed message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InflateError {
    /// The message is longer than allowed.
    TooBig,
    /// No compressor writes such bytes.
    Corrupt,
    /// The message is next to nothing: see `is_hollow`.
    Hollow,
}

impl Inflater {
    /// Creates a decompressor for windows of up to `window_bits`, 9 to 15.
    pub fn new(window_bits: u8) -> Self {
        let state = Decompress::new_with_window_bits(false, window_bits.clamp(9, 15));
        Self { state, out: Vec::new(), arrived: 0, ended: false }
    }

    /// Takes the next bytes of a message of at most `limit` bytes, cut anywhere, all but the last:
    /// [`finish`](Self::finish) ends it. The same is made of a message however it is cut.
    pub fn push(&mut self, mut part: &[u8], limit: usize) -> Result<(), InflateError> {
        while !part.is_empty() {
            // Up to the next check of the output, which is at the same place for all cuts.
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

    /// Inflates the rest of a message, or all of it (RFC 7692 section 7.2.2). It may refer back to
    /// the last one, unless [`reset`](Self::reset) came between. After an error `reset` must come.
    ///
    /// The limit is on the output: there is never room for more than one byte beyond it, and room
    /// grows only with the output. So a bomb costs no more than a message that is allowed. Time
    /// is in proportion to input and output, also if each few bytes end a stream.
    pub fn finish(&mut self, last: &[u8], limit: usize) -> Result<Vec<u8>, InflateError> {
        self.push(last, limit)?;
        // A message without bytes is not a block, as section 7.2.3.6 wants it, but the rest of a flush that had nothing
        // to write. The tail alone would be the beginning of a stored block; after a stream, that of the next one.
        if self.arrived > 0 && !self.ended {
            self.run(&END, true, limit)?;
        }
        (self.arrived, self.ended) = (0, false);
        Ok(mem::take(&mut self.out))
    }

    /// Compressed bytes of the unfinished message that have come.
    pub fn arrived(&self) -> usize {
        self.arrived
    }

    /// Bytes of memory that hold its inflated beginning.
    pub fn held(&self) -> usize {
        self.out.capacity()
    }

    /// Forgets earlier messages, also an unfinished one.
    pub fn reset(&mut self) {
        self.state.reset(false);
        self.out = Vec::new();
        (self.arrived, self.ended) = (0, false);
    }

    /// Inflates `input`. An error drops all output.
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
            // Checked before an error behind it, which may come with a later part.
            if out.len() > limit {
                return Err(InflateError::TooBig);
            }
            let status = status.map_err(|_| InflateError::Corrupt)?;
            let taken = usize::try_from(self.state.total_in() - taken_before).unwrap_or(usize::MAX);
            input = input.get(taken..).unwrap_or_default();
            self.ended = status == Status::StreamEnd;
            if self.ended {
                // A final block ends the stream, not the message: the next bytes begin another stream
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
/// beyond the limit, which proves that there is too much.
fn grow(out: &mut Vec<u8>, limit: usize) {
    if out.len() < out.capacity() {
        return;
    }
    let most = limit.saturating_add(1).saturating_sub(out.len());
    out.reserve_exact(out.len().max(STEP).min(most));
}

/// Decides whether the output `out` is too small for `arrived` bytes of any compressor. One that flushes after every
/// single byte writes seven for it, or eleven without compression; data that cannot be compressed grows by far less.
/// But blocks that hold nothing beside their tables of codes cost up to 67 ns a byte, and yield no bytes that another
/// limit counts.
fn is_hollow(arrived: usize, out: usize) -> bool {
    arrived > out.saturating_mul(MOST_FOR_A_BYTE).saturating_add(OVERHEAD)
}

/// The bytes that a sender omits at the end (section 7.2.1), and an empty block after them. A decompressor that is
/// still inside a block takes the first four bytes for codes of that block; it cannot take the other five too without
/// output or an error, for no code has so many bits. Only a table of codes that is cut short may still swallow both;
/// such a message consists of the output before it.
const END: [u8; 9] = [0, 0, 0xff, 0xff, 0, 0, 0, 0xff, 0xff];
/// The first room.
const STEP: usize = 4 << 10;
/// Compressed bytes for a byte of a message, and those that any message may have beside it.
const MOST_FOR_A_BYTE: usize = 16;
const OVERHEAD: usize = 4 << 10;
/// Compressed bytes between two checks of the output. A decompressor that is interrupted copies its window.
const LOOK: usize = 16 << 10;
