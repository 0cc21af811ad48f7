//! A table of words that one process writes and its workers see.
//!
//! A word is claimed by its user and comes back when the claim is dropped. A table that is full has no more words: its
//! users then do without.

use std::{
    io,
    os::fd::OwnedFd,
    sync::{Arc, atomic::AtomicU64},
};

use parking_lot::Mutex;

use super::segment::Segment;

/// The table, in the process that writes it.
#[derive(Debug)]
pub struct Table {
    segment: Segment,
    descriptor: OwnedFd,
    free: Mutex<Free>,
    places: usize,
}

#[derive(Debug, Default)]
struct Free {
    /// Places that came back.
    returned: Vec<u32>,
    /// The first place that was never claimed.
    fresh: u32,
}

/// The table as a worker sees it.
#[derive(Debug)]
pub struct SeenTable {
    segment: Segment,
}

/// Two words of a [`Table`], claimed until they are dropped.
#[derive(Debug)]
pub struct TableWord {
    table: Arc<Table>,
    place: u32,
}

impl Table {
    /// Makes a table for `places` claims.
    pub fn create(places: usize) -> io::Result<Arc<Self>> {
        let (segment, descriptor) = Segment::create(c"ferrite-gauges", bytes(places))?;
        Segment::seal(&descriptor)?;
        Ok(Arc::new(Self { segment, descriptor, free: Mutex::default(), places }))
    }

    /// Claims words, which are zero. `None` if the table is full.
    pub fn claim(self: &Arc<Self>) -> Option<TableWord> {
        let mut free = self.free.lock();
        let place = free.returned.pop().or_else(|| {
            let fresh = free.fresh;
            ((fresh as usize) < self.places).then(|| {
                free.fresh += 1;
                fresh
            })
        })?;
        drop(free);
        let claimed = TableWord { table: self.clone(), place };
        for word in 0..WORDS {
            claimed.word(word).store(0, std::sync::atomic::Ordering::Relaxed);
        }
        Some(claimed)
    }

    /// The descriptor by which a worker sees the table.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.descriptor
    }

    /// The number of claims that it has room for.
    pub fn places(&self) -> usize {
        self.places
    }
}

impl SeenTable {
    /// Maps the table of another process, which has room for `places` claims.
    pub fn map(descriptor: &OwnedFd, places: usize) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { segment: Segment::map(descriptor, bytes(places), false)? }))
    }

    /// A word of the claim at `place`; 0 beyond the end.
    #[inline]
    pub fn load(&self, place: u32, word: usize) -> u64 {
        let found = self.segment.word(place as usize * WORDS + word);
        found.map_or(0, |word| word.load(std::sync::atomic::Ordering::Relaxed))
    }
}

impl TableWord {
    /// The place by which a worker finds the words.
    pub fn place(&self) -> u32 {
        self.place
    }

    /// One of the words.
    #[inline]
    pub fn word(&self, word: usize) -> &AtomicU64 {
        // A claim lies within the table.
        self.table.segment.word(self.place as usize * WORDS + word.min(WORDS - 1)).unwrap_or(&NOWHERE)
    }
}

impl Drop for TableWord {
    fn drop(&mut self) {
        self.table.free.lock().returned.push(self.place);
    }
}

const fn bytes(places: usize) -> usize {
    let bytes = places * WORDS * size_of::<AtomicU64>();
    if bytes == 0 { 1 } else { bytes }
}

/// Words of one claim.
const WORDS: usize = 2;
static NOWHERE: AtomicU64 = AtomicU64::new(0);

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn a_worker_sees_what_was_written_and_a_claim_that_is_dropped_comes_back() {
        let table = Table::create(2).unwrap();
        let seen = SeenTable::map(table.descriptor(), 2).unwrap();
        let (first, second) = (table.claim().unwrap(), table.claim().unwrap());
        assert!(table.claim().is_none(), "it is full");
        second.word(1).store(7, Ordering::Relaxed);
        assert_eq!((seen.load(second.place(), 1), seen.load(first.place(), 1)), (7, 0));
        assert_eq!(seen.load(999, 0), 0);
        let place = second.place();
        drop(second);
        let again = table.claim().unwrap();
        assert_eq!((again.place(), seen.load(place, 1)), (place, 0));
    }
}
