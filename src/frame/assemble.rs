//! A data message that does not come in one piece (RFC 6455 §5.4): its bytes in one buffer,
//! unmasked and checked as they arrive. Nothing is kept for each fragment.
//!
//! A compressed one leaves in parts, so that it can be inflated while it arrives.

use std::mem;

use bytes::{Buf, BufMut, Bytes, BytesMut, buf::Limit};

use super::{
    decode_limits::DecodeLimits,
    mask,
    received::Received,
    utf8::{self, Utf8Checker},
    violation::Violation,
};

/// An open data message, from the first frame's header on.
#[derive(Debug)]
pub(super) struct Message {
    /// Bytes that have arrived and not left. Beyond `settled` they are still masked.
    payload: Vec<u8>,
    /// Bytes that have left in parts.
    left: usize,
    /// Bytes of a part.
    part: usize,
    /// Bytes of `payload` that are unmasked and, if it is text, checked.
    settled: usize,
    binary: bool,
    /// True if it is still to be inflated, and checked after that.
    compressed: bool,
    /// Checker of a text that is not compressed.
    text: Option<Utf8Checker>,
    fragments: usize,
    empty_fragments: usize,
}

impl Message {
    pub(super) const fn new(binary: bool, compressed: bool) -> Self {
        let text = if binary || compressed { None } else { Some(Utf8Checker::new()) };
        Self {
            payload: Vec::new(),
            left: 0,
            part: usize::MAX,
            settled: 0,
            binary,
            compressed,
            text,
            fragments: 0,
            empty_fragments: 0,
        }
    }

    pub(super) fn capacity(&self) -> usize {
        self.payload.capacity()
    }

    /// Accepts the next fragment, or refuses it for the length that its header declares.
    pub(super) fn begin_fragment(&mut self, length: u64, limits: &DecodeLimits) -> Result<(), Violation> {
        let received = self.left + self.payload.len();
        if length > limits.on_the_wire(self.compressed).saturating_sub(received) as u64 {
            return Err(Violation::MessageTooBig { limit: limits.max_message });
        }
        if length == 0 {
            self.empty_fragments += 1;
            if self.empty_fragments > FREE_FRAGMENTS {
                return Err(Violation::TooManyEmptyFragments);
            }
        }
        self.fragments += 1;
        if self.fragments > FREE_FRAGMENTS + received / BYTES_PER_FRAGMENT {
            return Err(Violation::TooManyFragments);
        }
        Ok(())
    }

    /// Takes over the next bytes of a frame that has `remaining` left: those read directly, then
    /// those at the start of `input`, until there is a part. Returns the number of bytes that it unmasked with `key`.
    ///
    /// `last`: the message ends with this frame, so no more need ever be reserved.
    pub(super) fn arrive(
        &mut self,
        input: &mut BytesMut,
        remaining: u64,
        key: [u8; 4],
        last: bool,
        limits: &DecodeLimits,
    ) -> Result<usize, Violation> {
        if self.compressed {
            self.part = limits.part.max(1);
        }
        let remaining = self.still_unread(remaining);
        let len = input.len().min(remaining);
        let arrived = self.payload.len();
        if self.payload.capacity() - arrived < len {
            // More fragments may follow, of any length: then the bytes that have arrived are the only guide.
            let whole = last.then(|| arrived.saturating_add(remaining));
            self.grow(arrived + len, whole);
        }
        self.payload.extend_from_slice(input.get(..len).unwrap_or_default());
        input.advance(len);
        self.settle(key)
    }

    /// See [`super::Decoder::direct_buffer`].
    pub(super) fn direct_buffer(&mut self, remaining: u64) -> Option<DirectRead<'_>> {
        let remaining = self.still_unread(remaining);
        let arrived = self.payload.len();
        if arrived < DIRECT_AFTER || remaining < DIRECT_LEAST {
            return None;
        }
        // A smaller rest of capacity would make a read of a few bytes.
        if self.payload.capacity() - arrived < DIRECT_LEAST {
            self.grow(arrived + 1, Some(arrived.saturating_add(remaining)));
        }
        let room = self.payload.capacity() - arrived;
        Some((&mut self.payload).limit(remaining.min(room)))
    }

    /// Hands over the bytes that have arrived, if they are enough for a part.
    pub(super) fn take_part(&mut self) -> Option<Received> {
        if self.payload.len() < self.part {
            return None;
        }
        self.left += self.payload.len();
        self.settled = 0;
        Some(Received::Part(mem::take(&mut self.payload).into()))
    }

    /// Ends the message with the frame just settled.
    pub(super) fn finish(self) -> Result<Received, Violation> {
        if let Some(text) = self.text {
            text.finish()?;
        }
        // A message that waits for PHP is counted by its length, so it may not drag spare capacity along.
        let payload = Bytes::from(self.payload.into_boxed_slice());
        Ok(Received::Message { payload, binary: self.binary, compressed: self.compressed })
    }

    /// Bytes of the frame, up to the end of a part, that are still in the socket or in the caller's input.
    fn still_unread(&self, remaining: u64) -> usize {
        let unsettled = self.payload.len() - self.settled;
        let unread = usize::try_from(remaining).unwrap_or(usize::MAX).saturating_sub(unsettled);
        unread.min(self.part.saturating_sub(self.payload.len()))
    }

    /// Makes room for `needed` bytes in all. Of a message that will have `whole`: a half, a quarter, …
    /// of it, the least that suffices. So it is never twice the need, and the last
    /// step is the whole, not a copy of nearly all for the few bytes that remain.
    fn grow(&mut self, needed: usize, whole: Option<usize>) {
        let capacity = match whole {
            Some(whole) => {
                let mut capacity = whole.max(1);
                while capacity > 1 && capacity.div_ceil(2) >= needed {
                    capacity = capacity.div_ceil(2);
                }
                capacity
            }
            None => needed.max((2 * self.payload.len()).min(self.part)),
        };
        self.payload.reserve_exact(capacity.saturating_sub(self.payload.len()));
    }

    /// Unmasks and checks the bytes that have arrived since the last call.
    fn settle(&mut self, key: [u8; 4]) -> Result<usize, Violation> {
        let arrived = self.payload.get_mut(self.settled..).unwrap_or_default();
        let len = arrived.len();
        match &mut self.text {
            Some(checker) => utf8::unmask_piece(arrived, key, checker)?,
            None => mask::apply(arrived, key),
        }
        self.settled += len;
        Ok(len)
    }
}

/// A place to read socket bytes into, which takes no more than the frame has left. See
/// [`Decoder::direct_buffer`](super::Decoder::direct_buffer).
pub type DirectRead<'a> = Limit<&'a mut Vec<u8>>;

/// Fragments, and empty fragments, that need no bytes to justify them.
const FREE_FRAGMENTS: usize = 64;
/// Received bytes that earn one more fragment beyond the free ones. Each fragment costs a header's
/// parsing; this keeps that in proportion to the payload, whose size is limited.
const BYTES_PER_FRAGMENT: usize = 16;
/// Bytes of a message that have arrived before its rest is read past the shared chunk.
const DIRECT_AFTER: usize = 16 * 1024;
/// The least rest of a frame that is worth a read of its own.
const DIRECT_LEAST: usize = 4 * 1024;
