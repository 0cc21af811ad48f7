//! One client's pending frames.
//!
//! Frames leave in order, coalesced. A pending pong is the exception: there is one at most, the newest, and where
//! frames have to wait it leaves at the next frame boundary (RFC 6455 section 5.5.3). The configured budget says when
//! the outbox is full; the caller has the policy for that.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Bytes, BytesMut};

/// The frames and how far the first was written.
#[derive(Debug, Default)]
pub struct Outbox {
    frames: VecDeque<Bytes>,
    /// Number of the first frames that keep no memory but their own.
    owned: usize,
    pong: Option<Bytes>,
    /// Bytes of the first frame that have left.
    written: usize,
    /// Bytes that have not.
    bytes: usize,
}

impl Outbox {
    /// Bytes that wait.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The memory that they keep, at most.
    pub fn retained(&self) -> usize {
        self.bytes + FRAME_COST * (self.frames.len() + usize::from(self.pong.is_some()))
    }

    /// True if no frame waits.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.pong.is_none()
    }

    /// Frames that wait, without a pong.
    pub fn frames(&self) -> usize {
        self.frames.len()
    }

    /// Appends a frame.
    pub fn push(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Makes `frame` the pong to send; one that still waited is forgotten. For a client that does
    /// not take its pongs: they must not pile up (RFC 6455 section 5.5.3 allows to answer only the
    /// newest ping).
    pub fn set_pong(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        if let Some(older) = self.pong.replace(frame) {
            self.bytes -= older.len();
        }
    }

    /// Drops the oldest frame of which nothing was written yet, but never the newest; returns the bytes that it kept.
    pub fn drop_oldest(&mut self) -> Option<usize> {
        let oldest = usize::from(self.written > 0);
        if self.frames.len() <= oldest + 1 {
            return None;
        }
        let frame = self.frames.remove(oldest)?;
        self.owned -= usize::from(self.owned > oldest);
        self.bytes -= frame.len();
        Some(frame.len() + FRAME_COST)
    }

    /// Drops the newest frame, but never the oldest; returns the bytes that it kept.
    pub fn drop_newest(&mut self) -> Option<usize> {
        if self.frames.len() <= 1 {
            return None;
        }
        let frame = self.frames.pop_back()?;
        self.owned = self.owned.min(self.frames.len());
        self.bytes -= frame.len();
        Some(frame.len() + FRAME_COST)
    }

    /// Drops every frame of which nothing was written yet.
    pub fn drop_pending(&mut self) {
        for frame in self.frames.drain(usize::from(self.written > 0)..) {
            self.bytes -= frame.len();
        }
        self.owned = self.owned.min(self.frames.len());
        if let Some(pong) = self.pong.take() {
            self.bytes -= pong.len();
        }
    }

    /// Puts a pending pong in its place, before a write: behind all other frames, or, if those have been
    /// waiting for a client that is slow (`stalled`), before them, so that it sees a sign of life.
    pub fn place_pong(&mut self, stalled: bool) {
        let Some(pong) = self.pong.take() else { return };
        let boundary = if stalled { usize::from(self.written > 0) } else { self.frames.len() };
        let boundary = boundary.min(self.frames.len());
        self.frames.insert(boundary, pong);
        // A pong is in no chunk.
        if boundary <= self.owned {
            self.owned += 1;
        }
    }

    /// The bytes that wait, in order, as many slices as there is room for.
    pub fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slice, part) in slices.iter_mut().zip(self.parts()) {
            *slice = IoSlice::new(part);
            filled += 1;
        }
        filled
    }

    /// Copies waiting bytes, in order, until `buffer` holds `most` bytes.
    pub fn gather(&self, buffer: &mut Vec<u8>, most: usize) {
        for part in self.parts() {
            let room = most.saturating_sub(buffer.len());
            buffer.extend_from_slice(part.get(..room).unwrap_or(part));
            if part.len() >= room {
                break;
            }
        }
    }

    /// The unwritten bytes of the first frame.
    pub fn first(&self) -> &[u8] {
        self.parts().next().unwrap_or_default()
    }

    /// Forgets the first `bytes` that waited: they were written.
    pub fn advance(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        self.written += bytes;
        while let Some(first) = self.frames.front() {
            if self.written < first.len() {
                return;
            }
            self.written -= first.len();
            self.frames.pop_front();
            self.owned = self.owned.saturating_sub(1);
        }
        // An idle connection keeps no room for the frames of its busiest hour.
        if self.frames.capacity() > KEPT_FRAMES {
            self.frames = VecDeque::new();
        }
    }

    /// Copies the small frames that have to wait into memory of this outbox's own: they are slices of
    /// chunks that hold other clients' frames too, which one slow client must not keep alive.
    pub fn own(&mut self) {
        if self.owned + 1 == self.frames.len() {
            // Of one frame a copy needs no part in anything.
            if let Some(frame) = self.frames.back_mut().filter(|frame| frame.len() <= SMALL_FRAME) {
                *frame = Bytes::copy_from_slice(frame);
            }
            self.owned = self.frames.len();
            return;
        }
        let fresh = || self.frames.iter().skip(self.owned).filter(|frame| frame.len() <= SMALL_FRAME);
        let mut copy = BytesMut::with_capacity(fresh().map(Bytes::len).sum());
        for frame in self.frames.iter_mut().skip(self.owned).filter(|frame| frame.len() <= SMALL_FRAME) {
            copy.extend_from_slice(frame);
            *frame = copy.split().freeze();
        }
        self.owned = self.frames.len();
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let mut skip = self.written;
        self.frames.iter().map(move |frame| frame.get(std::mem::take(&mut skip)..).unwrap_or_default())
    }
}

/// Up to here a frame may be a slice of a chunk that it shares with others; a longer one has an
/// allocation of its own.
pub const SMALL_FRAME: usize = 4 << 10;
/// Bytes that a waiting frame keeps at most beside its own: its handle, with room for twice as many, and the
/// allocator's overhead.
pub const FRAME_COST: usize = 128;
const KEPT_FRAMES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(frames: &[&'static [u8]]) -> Outbox {
        let mut outbox = Outbox::default();
        for frame in frames {
            outbox.push(Bytes::from_static(frame));
        }
        outbox
    }

    fn pending(outbox: &Outbox) -> Vec<u8> {
        let mut bytes = Vec::new();
        outbox.gather(&mut bytes, usize::MAX);
        bytes
    }

    #[test]
    fn frames_leave_in_order_and_half_a_frame_can_wait() {
        let mut outbox = outbox(&[b"abc", b"def"]);
        outbox.advance(4);
        assert_eq!((pending(&outbox).as_slice(), outbox.bytes()), (&b"ef"[..], 2));
        outbox.advance(2);
        assert!(outbox.is_empty());
        assert_eq!(outbox.bytes(), 0);
    }

    #[test]
    fn small_frames_that_wait_hold_on_to_no_chunk_of_others() {
        let mut chunk = BytesMut::with_capacity(64);
        let mut slice = |bytes: &[u8]| {
            chunk.extend_from_slice(bytes);
            chunk.split().freeze()
        };
        let (a, b, c) = (slice(b"abc"), slice(b"def"), slice(b"ghi"));
        let large = Bytes::from(vec![b'x'; SMALL_FRAME + 1]);
        let mut outbox = Outbox::default();
        for frame in [&a, &large, &b] {
            outbox.push(frame.clone());
        }
        outbox.advance(1);
        outbox.own();
        assert_eq!(outbox.frames[1].as_ptr(), large.as_ptr(), "has memory of its own already");
        let moved = [outbox.frames[0].as_ptr(), outbox.frames[2].as_ptr()];
        assert!(moved[0] != a.as_ptr() && moved[1] != b.as_ptr());
        outbox.push(c.clone());
        outbox.own();
        assert_eq!(moved, [outbox.frames[0].as_ptr(), outbox.frames[2].as_ptr()], "copied once");
        assert_ne!(outbox.frames[3].as_ptr(), c.as_ptr());
        let expected = [&b"bc"[..], &large, b"def", b"ghi"].concat();
        assert_eq!((pending(&outbox), outbox.bytes()), (expected.clone(), expected.len()));
        assert_eq!(outbox.drop_oldest(), Some(large.len() + FRAME_COST));
        assert_eq!(outbox.owned, 3);
        outbox.advance(5);
        assert_eq!((pending(&outbox).as_slice(), outbox.owned), (&b"ghi"[..], 1));
    }

    #[test]
    fn a_pong_does_not_have_the_frames_behind_it_copied_again() {
        let mut chunk = BytesMut::from(&b"abcdef"[..]);
        let mut outbox = Outbox::default();
        outbox.push(chunk.split_to(3).freeze());
        outbox.push(chunk.split().freeze());
        outbox.own();
        let place = outbox.frames[1].as_ptr();
        for boundary in 0..2 {
            outbox.advance(boundary);
            outbox.set_pong(Bytes::from_static(b"P"));
            outbox.place_pong(true);
            outbox.own();
        }
        assert_eq!(pending(&outbox), b"PPabcdef"[1..]);
        assert_eq!((outbox.frames.back().unwrap().as_ptr(), outbox.owned), (place, outbox.frames.len()));
    }

    #[test]
    fn a_half_written_frame_is_never_dropped() {
        let mut outbox = outbox(&[b"abc", b"def", b"ghi"]);
        outbox.advance(1);
        assert_eq!(outbox.drop_oldest(), Some(3 + FRAME_COST));
        assert_eq!(outbox.drop_oldest(), None, "the newest stays");
        assert_eq!(pending(&outbox), b"bcghi");
        outbox.drop_pending();
        assert_eq!((pending(&outbox).as_slice(), outbox.bytes()), (&b"bc"[..], 2));
    }

    #[test]
    fn an_empty_frame_that_waits_counts_as_what_it_keeps() {
        let mut outbox = outbox(&[b"\x82\0", b"\x82\0"]);
        outbox.set_pong(Bytes::from_static(b"\x8a\0"));
        assert_eq!((outbox.bytes(), outbox.retained()), (6, 6 + 3 * FRAME_COST));
        outbox.place_pong(false);
        outbox.advance(3);
        assert_eq!(outbox.retained(), 3 + 2 * FRAME_COST);
        outbox.drop_pending();
        assert_eq!(outbox.retained(), 1 + FRAME_COST);
        outbox.advance(1);
        assert_eq!(outbox.retained(), 0);
    }

    #[test]
    fn the_newest_can_be_dropped_up_to_the_oldest() {
        let mut outbox = outbox(&[b"abc", b"def", b"ghi"]);
        outbox.advance(1);
        assert_eq!(outbox.drop_newest(), Some(3 + FRAME_COST));
        assert_eq!(outbox.drop_newest(), Some(3 + FRAME_COST));
        assert_eq!(outbox.drop_newest(), None, "half of it has left");
        assert_eq!(pending(&outbox), b"bc");
    }

    #[test]
    fn only_the_newest_pong_waits_and_it_never_splits_a_frame() {
        let mut outbox = outbox(&[b"abc", b"def"]);
        outbox.advance(1);
        outbox.set_pong(Bytes::from_static(b"P1"));
        outbox.set_pong(Bytes::from_static(b"P2"));
        outbox.place_pong(true);
        assert_eq!((pending(&outbox).as_slice(), outbox.bytes()), (&b"bcP2def"[..], 7));
    }

    #[test]
    fn a_pong_of_a_client_that_keeps_up_leaves_behind_those_before_it() {
        let mut outbox = outbox(&[b"P1", b"P2"]);
        outbox.set_pong(Bytes::from_static(b"P4"));
        outbox.place_pong(false);
        assert_eq!((pending(&outbox).as_slice(), outbox.bytes()), (&b"P1P2P4"[..], 6));
    }

    #[test]
    fn slices_are_what_gather_copies() {
        let mut outbox = outbox(&[b"abc", b"def", b"g"]);
        outbox.advance(2);
        let mut slices = [IoSlice::new(&[]); 2];
        assert_eq!(outbox.slices(&mut slices), 2);
        assert_eq!((&*slices[0], &*slices[1]), (&b"c"[..], &b"def"[..]));
    }
}
