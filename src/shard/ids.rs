//! The names of a shard's connections: which are free, and in which slot a name's connection is.
//!
//! An id has a *place* and a *round*. Places are given out in turn, again and again, those of connections that are open
//! left out, and each time around is another round: so ids grow, none is given out twice, and with 53 bits they are the
//! same in every reader of JSON. Slots are not numbered like that, since free ones are taken again at once, which
//! keeps them few; so there is a table between them.

use crate::queue::ConnectionId;

#[derive(Debug)]
pub(super) struct Ids {
    shard: usize,
    /// By place: the slot of its connection, or [`FREE`].
    slots: Vec<u32>,
    open: usize,
    /// The place to be given out next, and the round.
    next: usize,
    round: u64,
}

impl Ids {
    pub(super) fn new(shard: usize) -> Self {
        // No id is 0, since the first place of the first round is left out.
        Self { shard, slots: vec![FREE; FIRST_PLACES], open: 0, next: 1, round: 0 }
    }

    /// A name that nobody ever had, for the connection in this slot; `None` once all are used up, which takes a shard
    /// that is connected to ten thousand times a second at least seven years.
    pub(super) fn name(&mut self, slot: u32) -> Option<ConnectionId> {
        // Half of the places are free, so that one is found soon and a round gives many.
        if self.open * 2 >= self.slots.len() {
            let places = (self.slots.len() * 2).min(ConnectionId::MAX_PLACES);
            self.slots.resize(places, FREE);
        }
        for _ in 0..=self.slots.len() {
            if self.are_used_up() {
                return None;
            }
            let (place, round) = (self.next, self.round);
            self.next += 1;
            if self.next >= self.slots.len() {
                (self.next, self.round) = (0, round + 1);
            }
            if let Some(free) = self.slots.get_mut(place).filter(|slot| **slot == FREE) {
                *free = slot;
                self.open += 1;
                return Some(ConnectionId::new(self.shard, place, round));
            }
        }
        None
    }

    /// True if no id is left.
    pub(super) fn are_used_up(&self) -> bool {
        self.round >= ConnectionId::MAX_ROUNDS
    }

    /// The slot in which a connection is if it is open. Another may be there.
    pub(super) fn slot(&self, id: ConnectionId) -> usize {
        self.slots.get(id.place()).map_or(usize::MAX, |slot| *slot as usize)
    }

    /// The connection is gone.
    pub(super) fn release(&mut self, id: ConnectionId) {
        if let Some(slot) = self.slots.get_mut(id.place()).filter(|slot| **slot != FREE) {
            *slot = FREE;
            self.open -= 1;
        }
    }
}

/// No slot.
const FREE: u32 = u32::MAX;
/// Places at first. With so many, a round gives at least half as many names.
const FIRST_PLACES: usize = 1 << 15;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_grow_are_never_given_twice_and_lead_to_their_slots() {
        let mut ids = Ids::new(3);
        let stays = ids.name(7).unwrap();
        let (mut last, mut known) = (stays, BTreeSet::from([stays]));
        for _ in 0..3 * FIRST_PLACES {
            let id = ids.name(1).unwrap();
            assert!(id > last && known.insert(id) && id.shard() == 3);
            assert_eq!((ids.slot(id), ids.slot(stays)), (1, 7));
            ids.release(id);
            assert_eq!(ids.slot(id), FREE as usize);
            last = id;
        }
    }

    #[test]
    fn there_are_as_many_names_as_connections() {
        let mut ids = Ids::new(0);
        let mut all: Vec<_> =
            (0..ConnectionId::MAX_PLACES as u32 - 1).map(|slot| ids.name(slot).unwrap()).collect();
        assert!(all.is_sorted());
        all.dedup();
        assert_eq!(all.len(), ConnectionId::MAX_PLACES - 1);
        assert!(all.iter().enumerate().all(|(slot, id)| ids.slot(*id) == slot));
    }

    #[test]
    fn when_all_names_are_used_up_none_is_given_again() {
        let mut ids = Ids { round: ConnectionId::MAX_ROUNDS - 1, ..Ids::new(63) };
        let names: Vec<_> = std::iter::from_fn(|| {
            let id = ids.name(0)?;
            ids.release(id);
            Some(id)
        })
        .collect();
        assert_eq!(names.len(), FIRST_PLACES - 1);
        assert!(ids.are_used_up() && ids.name(0).is_none() && ids.name(0).is_none());
        assert!(names.iter().all(|id| id.to_php() as f64 as i64 == id.to_php() && id.to_php() < 1 << 53));
    }
}
