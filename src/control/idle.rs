//! Which connections ask nothing: publishers keep theirs, and when there are too many, the one that has been idle longest
//! makes room.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use tokio::sync::Notify;

/// The connections of a listener that ask nothing, those first that have done so longest.
#[derive(Debug, Default)]
pub(super) struct Idle {
    next: Cell<u64>,
    resting: RefCell<BTreeMap<u64, Rc<Notify>>>,
    /// Whether somebody waits for the first that rests.
    wanted: Cell<bool>,
}

/// One connection. It rests until it works.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    idle: &'a Idle,
    since: Cell<u64>,
    /// Notified when it has to make room.
    pub(super) leave: Rc<Notify>,
}

impl Idle {
    /// Has the connection leave that has been idle longest; if all work, the first that is done.
    pub(super) fn dismiss_longest(&self) {
        match self.resting.borrow_mut().pop_first() {
            Some((_, leave)) => leave.notify_one(),
            None => self.wanted.set(true),
        }
    }

    /// There is a place for who came last, whoever has left it.
    pub(super) fn has_room(&self) {
        self.wanted.set(false);
    }
}

impl<'a> Seat<'a> {
    pub(super) fn take(idle: &'a Idle) -> Self {
        let seat = Self { idle, since: Cell::default(), leave: Rc::default() };
        // Not who has just come makes room for the next.
        seat.sit();
        seat
    }

    /// A request has come.
    pub(super) fn work(&self) {
        self.idle.resting.borrow_mut().remove(&self.since.get());
    }

    /// It is answered.
    pub(super) fn rest(&self) {
        if self.idle.wanted.take() {
            return self.leave.notify_one();
        }
        self.sit();
    }

    fn sit(&self) {
        let now = self.idle.next.replace(self.idle.next.get() + 1);
        self.since.set(now);
        self.idle.resting.borrow_mut().insert(now, self.leave.clone());
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.work();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_a_place_that_became_free_is_not_sent_away_for_it() {
        let idle = Idle::default();
        let working = Seat::take(&idle);
        working.work();
        idle.dismiss_longest();
        let late = Seat::take(&idle);
        assert!(idle.resting.borrow().contains_key(&late.since.get()), "it has asked nothing yet");
        // Its place was that of one who left.
        idle.has_room();
        working.rest();
        assert!(idle.resting.borrow().contains_key(&working.since.get()), "nobody waits any more");
        drop((working, late));
        assert!(idle.resting.borrow().is_empty());
    }

    #[test]
    fn who_has_been_idle_longest_leaves_first_and_who_works_does_not() {
        let idle = Idle::default();
        let seats = [(); 3].map(|()| Seat::take(&idle));
        seats[0].work();
        seats[0].rest();
        seats[1].work();
        let is_dismissed = |seat: &Seat<'_>| !idle.resting.borrow().contains_key(&seat.since.get());
        idle.dismiss_longest();
        assert_eq!([0, 1, 2].map(|n| is_dismissed(&seats[n])), [false, true, true], "the second works");
        drop(seats);
        assert!(idle.resting.borrow().is_empty());
        let (first, second) = (Seat::take(&idle), Seat::take(&idle));
        first.work();
        second.work();
        idle.dismiss_longest();
        first.rest();
        second.rest();
        assert_eq!([&first, &second].map(is_dismissed), [true, false], "the first that is done");
    }
}
