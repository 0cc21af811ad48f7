//! The two lanes between two processes, as one of them sees them.
//!
//! A segment begins with a page of words, each on a cache line of its own; the rest is the lane's ring of bytes. A
//! record is a word of length and kind, then its bytes, padded to eight. A record never wraps around the end of the
//! ring: a mark says that the rest is to be skipped.

#[cfg(test)]
mod tests;

use std::{
    io,
    os::fd::OwnedFd,
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
};

use super::{
    note::{self, Note},
    segment::Segment,
};

/// One process's ends of both lanes.
#[derive(Debug)]
pub struct Duplex {
    mine: Arc<Segment>,
    theirs: Segment,
    capacity: u64,
    /// The end of the records that were written, of those that the peer can see, and of those for which it was woken.
    written: u64,
    exposed: u64,
    published: u64,
    /// The end of the records that the peer has read, when it was looked at last.
    peer_tail: u64,
    /// The end of the records that were read, and of those whose room was given back.
    read: u64,
    released: u64,
    /// The end of the peer's records, when it was looked at last.
    peer_head: u64,
}

/// The descriptors by which the peer of a [`Duplex`] gets its own.
#[derive(Debug)]
pub struct SharedParts {
    /// The segment that the maker writes.
    pub makers: OwnedFd,
    /// The segment that the peer writes.
    pub peers: OwnedFd,
}

/// An error: the peer broke the rules of the lane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(pub &'static str);

/// The words that a process shows to its peer, beside its positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerWord {
    /// The number of the events that a worker has begun.
    Begun,
    /// The number of the events that a worker has finished, in order.
    Done,
    /// Timers whose callbacks a worker has begun and finished: odd while one of them runs.
    Timers,
}

impl Duplex {
    /// Makes both segments. `capacity` is the size of each lane in bytes, a power of two.
    pub fn create(capacity: usize) -> io::Result<(Self, SharedParts)> {
        let length = HEADER + capacity;
        let (mine, makers) = Segment::create(c"ferrite-front", length)?;
        let (_, peers) = Segment::create(c"ferrite-worker", length)?;
        Segment::seal(&makers)?;
        let theirs = Segment::map(&peers, length, false)?;
        Ok((Self::new(mine, theirs, capacity), SharedParts { makers, peers }))
    }

    /// Takes the peer's part of segments that another process made.
    pub fn attach(parts: &SharedParts, capacity: usize) -> io::Result<Self> {
        let length = HEADER + capacity;
        let mine = Segment::map(&parts.peers, length, true)?;
        let theirs = Segment::map(&parts.makers, length, false)?;
        Ok(Self::new(mine, theirs, capacity))
    }

    fn new(mine: Segment, theirs: Segment, capacity: usize) -> Self {
        let capacity = capacity as u64;
        Self {
            mine: Arc::new(mine),
            theirs,
            capacity,
            written: 0,
            exposed: 0,
            published: 0,
            peer_tail: 0,
            read: 0,
            released: 0,
            peer_head: 0,
        }
    }

    /// The most bytes that a record may have: a larger message goes in pieces.
    pub fn most(&self) -> usize {
        (self.capacity / 4) as usize
    }

    /// Writes a record of `parts`, one behind the other. False if there is no room for it now. The peer sees it after
    /// [`publish`](Self::publish). A record larger than [`most`](Self::most) never has room.
    #[inline]
    #[must_use]
    pub fn write(&mut self, kind: u32, parts: &[&[u8]]) -> bool {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        if length > self.most() {
            return false;
        }
        let size = padded(length);
        let before_end = self.capacity - self.offset(self.written);
        let skipped = if size > before_end { before_end } else { 0 };
        if !self.has_room(skipped + size) {
            return false;
        }
        if skipped > 0 {
            self.put(self.written, &SKIP.to_le_bytes());
            self.written += skipped;
        }
        let word = u64::from(kind) << 32 | length as u64;
        self.put(self.written, &word.to_le_bytes());
        let mut place = self.offset(self.written) as usize + HEADER + WORD as usize;
        for part in parts {
            // There is room, and a record does not wrap: it always fits.
            let fits = self.mine.copy_in(place, part);
            debug_assert!(fits);
            place += part.len();
        }
        self.written += size;
        true
    }

    /// Lets the peer see the written records, without waking it.
    #[inline]
    pub fn expose(&mut self) {
        if self.exposed != self.written {
            self.exposed = self.written;
            self.mine.store(HEAD, self.written);
        }
    }

    /// Lets the peer see the written records. True if it sleeps, so that the caller must wake it.
    #[must_use]
    pub fn publish(&mut self) -> bool {
        self.expose();
        if self.published == self.written {
            return false;
        }
        self.published = self.written;
        fence(Ordering::SeqCst);
        self.theirs.load(ASLEEP) != 0
    }

    /// True if nothing that was written waits for the peer.
    pub fn is_read(&mut self) -> bool {
        self.look_at_tail();
        self.peer_tail == self.written
    }

    /// True if there is room for a record of that many bytes now. Otherwise, the peer is told that this process waits
    /// for room, and wakes it ([`release`](Self::release)).
    pub fn has_room_for(&mut self, length: usize) -> bool {
        // At the worst place the rest of the ring is skipped.
        let size = (padded(length) * 2).min(self.capacity);
        if self.has_room(size) {
            self.wait_for_room(false);
            return true;
        }
        self.wait_for_room(true);
        fence(Ordering::SeqCst);
        self.has_room(size)
    }

    /// Reads the next record into `into`, whose content it replaces. Returns the record's kind; `None` without one.
    #[inline]
    pub fn read(&mut self, into: &mut Vec<u8>) -> Result<Option<u32>, Corrupt> {
        loop {
            let Some((kind, length)) = self.next()? else { return Ok(None) };
            if (kind, length) == (SKIP_KIND, SKIP_LENGTH) {
                let rest = self.capacity - self.offset(self.read);
                if rest > self.peer_head - self.read {
                    return Err(Corrupt("a skip beyond the end of the records"));
                }
                self.read += rest;
                continue;
            }
            let size = padded(length as usize);
            let before_end = self.capacity - self.offset(self.read);
            if size > before_end || size > self.peer_head - self.read {
                return Err(Corrupt("a record beyond the end of the records"));
            }
            into.clear();
            let offset = HEADER + self.offset(self.read) as usize + WORD as usize;
            if !self.theirs.append_to(offset, length as usize, into) {
                return Err(Corrupt("a record beyond the end of the ring"));
            }
            self.read += size;
            return Ok(Some(kind));
        }
    }

    /// The end of the peer's records now, and the end of those that were read.
    pub fn ends(&mut self) -> (u64, u64) {
        (self.theirs.load(HEAD), self.read)
    }

    /// True if a record can be read.
    pub fn has_records(&mut self) -> bool {
        if self.peer_head == self.read {
            self.peer_head = self.theirs.load(HEAD);
        }
        self.peer_head != self.read
    }

    /// Gives back the room of the records that were read. True if the peer waits for room, so that the caller must
    /// wake it.
    #[must_use]
    pub fn release(&mut self) -> bool {
        if self.released == self.read {
            return false;
        }
        self.released = self.read;
        self.mine.store(TAIL, self.read);
        fence(Ordering::SeqCst);
        self.theirs.load(WANTS_ROOM) != 0
    }

    /// Announces that this process sleeps. False if a record can be read: then it is awake.
    #[must_use]
    pub fn announce_sleep(&mut self) -> bool {
        self.mine.store(ASLEEP, 1);
        fence(Ordering::SeqCst);
        if self.has_records() {
            self.set_awake();
            return false;
        }
        true
    }

    /// Takes the announcement back.
    pub fn set_awake(&mut self) {
        self.mine.store(ASLEEP, 0);
    }

    /// Sets a word that the peer sees.
    #[inline]
    pub fn show(&self, word: PeerWord, value: u64) {
        self.mine.store(place(word), value);
    }

    /// A word of the peer's.
    #[inline]
    pub fn peer(&self, word: PeerWord) -> u64 {
        self.theirs.load(place(word))
    }

    /// Memory for a text that the peer can read.
    pub fn note(&self) -> Note {
        Note::new(self.mine.clone())
    }

    /// The peer's text, if there is one.
    pub fn peer_note(&self) -> Option<String> {
        note::read(&self.theirs)
    }

    /// The position behind the last record that was written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Bytes of the records for which the peer was not woken yet.
    pub fn unpublished(&self) -> u64 {
        self.written - self.published
    }

    /// The position up to which the peer has given back the room of records that this process wrote.
    pub fn read_by_peer(&self) -> u64 {
        self.theirs.load(TAIL)
    }

    fn wait_for_room(&self, waits: bool) {
        if (self.mine.load(WANTS_ROOM) != 0) != waits {
            self.mine.store(WANTS_ROOM, u64::from(waits));
        }
    }

    #[inline]
    fn has_room(&mut self, size: u64) -> bool {
        // A peer that shows a position beyond what was written gets no more than its own lane wrong.
        if self.capacity.saturating_sub(self.written.wrapping_sub(self.peer_tail)) >= size {
            return true;
        }
        self.look_at_tail();
        self.capacity.saturating_sub(self.written.wrapping_sub(self.peer_tail)) >= size
    }

    fn look_at_tail(&mut self) {
        self.peer_tail = self.theirs.load(TAIL);
    }

    /// Kind and length of the record at the reader's position.
    #[inline]
    fn next(&mut self) -> Result<Option<(u32, u32)>, Corrupt> {
        if !self.has_records() {
            return Ok(None);
        }
        let there = self.peer_head.wrapping_sub(self.read);
        if there > self.capacity || !there.is_multiple_of(WORD) {
            return Err(Corrupt("a position that cannot be"));
        }
        let mut word = [0; WORD as usize];
        if !self.theirs.copy_out(HEADER + self.offset(self.read) as usize, &mut word) {
            return Err(Corrupt("a record beyond the end of the ring"));
        }
        let word = u64::from_le_bytes(word);
        Ok(Some(((word >> 32) as u32, word as u32)))
    }

    #[inline]
    fn put(&self, position: u64, bytes: &[u8]) {
        // There is room, and a record does not wrap: it always fits.
        let fits = self.mine.copy_in(HEADER + self.offset(position) as usize, bytes);
        debug_assert!(fits || bytes.is_empty());
    }

    #[inline]
    fn offset(&self, position: u64) -> u64 {
        position & (self.capacity - 1)
    }
}

const fn place(word: PeerWord) -> usize {
    match word {
        PeerWord::Begun => BEGUN,
        PeerWord::Done => DONE,
        PeerWord::Timers => TIMERS,
    }
}

/// Bytes of a record of `length` bytes in the ring.
const fn padded(length: usize) -> u64 {
    (length as u64 + WORD + (WORD - 1)) & !(WORD - 1)
}

/// Bytes of the page of words.
const HEADER: usize = 4096;
const WORD: u64 = 8;
// The words, a cache line apart.
const HEAD: usize = 0;
const TAIL: usize = 8;
const ASLEEP: usize = 16;
const WANTS_ROOM: usize = 24;
const BEGUN: usize = 32;
const DONE: usize = 40;
const TIMERS: usize = 48;

/// The mark behind which the rest of the ring is skipped.
const SKIP: u64 = u64::MAX;
const SKIP_KIND: u32 = u32::MAX;
const SKIP_LENGTH: u32 = u32::MAX;
