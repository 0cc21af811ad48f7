//! Presence deltas: joins and leaves of announced topics that have not been announced yet.
//!
//! A delta is the difference to the last announcement for one user and topic, so a join and a leave in between cancel
//! each other: announcements of one user and topic alternate, and the deltas never outnumber the differences, however
//! many users come and go while none is taken. Deltas are taken in the order in which they are due, then in the order
//! in which they happened. At shutdown all of them are taken. This module does not send: see `port::announcer`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Instant,
};

use super::pace::Pace;
use crate::{
    hub::presence::Announced,
    queue::{ConnectionId, PresenceChange},
};

/// The deltas of all announced topics.
#[derive(Debug, Default)]
pub(super) struct PresenceDeltas {
    announced: Announced,
    /// The changes to announce, by the time at which they are due, then in the order in which they happened.
    pending: BTreeMap<Place, Pending>,
    /// The delta of each user and topic that has one.
    deltas: BTreeMap<Key, Delta>,
    /// The leaves by connections whose close the consumer has not taken: earlier messages of these connections may
    /// still be on their way to the consumer.
    held: HashMap<ConnectionId, Vec<Key>>,
    /// The number of the last change.
    last: u64,
    pace: Pace,
}

#[derive(Debug)]
struct Pending {
    change: PresenceChange,
    /// The messages that it counts in the user's pace, if the pace has deferred it.
    deferred: Option<usize>,
}

/// Topic and user.
type Key = (Arc<str>, Arc<str>);
/// Due time and number.
type Place = (Instant, u64);

#[derive(Debug, Clone, Copy)]
enum Delta {
    Join(Place),
    Leave(Place),
    /// A held leave: its connection, and the time at which it is due once released.
    Held(ConnectionId, Instant),
}

impl PresenceDeltas {
    /// Sets the topics that are announced from now on. Users that are present already cause no delta, and deltas of
    /// topics that are no longer announced are dropped.
    pub(super) fn announce(&mut self, announced: Announced) {
        self.announced = announced;
        self.pending.retain(|_, pending| self.announced.covers(&pending.change.topic));
        self.deltas.retain(|(topic, _), _| self.announced.covers(topic));
        self.held.retain(|_, keys| {
            keys.retain(|(topic, _)| self.announced.covers(topic));
            !keys.is_empty()
        });
    }

    pub(super) fn announced(&self) -> &Announced {
        &self.announced
    }

    /// Records that a user's first connection joined a topic.
    pub(super) fn join(&mut self, key: Key, id: ConnectionId, now: Instant) {
        if !self.withdraw(&key) {
            self.schedule(key, id, now, true);
        }
    }

    /// Records that a user's last connection left a topic. `held` is true if the connection was closed, and not by the
    /// consumer: then the leave waits for [`release`](Self::release).
    pub(super) fn leave(&mut self, key: Key, id: ConnectionId, now: Instant, held: bool) {
        if self.withdraw(&key) {
            return;
        }
        let due = now + self.announced.grace;
        if held {
            self.held.entry(id).or_default().push(key.clone());
            self.deltas.insert(key, Delta::Held(id, due));
        } else {
            self.schedule(key, id, due, false);
        }
    }

    /// Releases the leaves by a connection: the consumer has taken its close.
    pub(super) fn release(&mut self, id: ConnectionId) {
        for key in self.held.remove(&id).unwrap_or_default() {
            if let Some(&Delta::Held(_, due)) = self.deltas.get(&key) {
                self.schedule(key, id, due, false);
            }
        }
    }

    /// Takes the changes that are due at `by`, or all changes, held ones included.
    pub(super) fn take(&mut self, by: Option<Instant>) -> Vec<PresenceChange> {
        let later = match by {
            Some(by) => self.pending.split_off(&(by, u64::MAX)),
            None => {
                let held: Vec<_> = self.held.keys().copied().collect();
                held.into_iter().for_each(|id| self.release(id));
                BTreeMap::new()
            }
        };
        let due = std::mem::replace(&mut self.pending, later);
        due.into_values().map(|pending| self.notified(pending)).collect()
    }

    /// Takes the changes that are due, as fast as the pace allows. A change that is too fast for its user's pace
    /// becomes due later, once. `subscribers` returns the number of subscribers of a topic.
    pub(super) fn take_paced(
        &mut self,
        now: Instant,
        subscribers: impl Fn(&str) -> usize,
    ) -> Vec<PresenceChange> {
        let later = self.pending.split_off(&(now, u64::MAX));
        let mut due = std::mem::replace(&mut self.pending, later);
        let mut taken = Vec::new();
        while self.pace.next(now) <= now
            && let Some(((_, number), mut pending)) = due.pop_first()
        {
            let PresenceChange { topic, user, joined, .. } = &pending.change;
            let messages = subscribers(topic);
            if pending.deferred.is_none() {
                let at = self.pace.reserve(user, messages, now);
                if at > now {
                    let place = (at, number);
                    let delta = if *joined { Delta::Join(place) } else { Delta::Leave(place) };
                    self.deltas.insert((topic.clone(), user.clone()), delta);
                    pending.deferred = Some(messages);
                    self.pending.insert(place, pending);
                    continue;
                }
            }
            self.pace.count(messages, now);
            taken.push(self.notified(pending));
        }
        // The others are still due, in their order.
        self.pending.append(&mut due);
        taken
    }

    /// Removes the delta of a change that is announced now.
    fn notified(&mut self, Pending { change, .. }: Pending) -> PresenceChange {
        self.deltas.remove(&(change.topic.clone(), change.user.clone()));
        change
    }

    /// The time at which a change is due and the pace of all users allows it.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.pending.keys().next().map(|(due, _)| self.pace.next(*due))
    }

    /// The users in a topic whose join was not announced.
    pub(super) fn unannounced_joins(&self, topic: &str) -> impl Iterator<Item = &Arc<str>> {
        self.of_topic(topic).filter_map(|(user, delta)| matches!(delta, Delta::Join(_)).then_some(user))
    }

    /// The users whose leave of a topic was not announced. With a time, only those whose leave is due after it:
    /// they may still come back without a leave.
    pub(super) fn lingering(&self, topic: &str, at: Option<Instant>) -> impl Iterator<Item = &Arc<str>> {
        self.of_topic(topic).filter_map(move |(user, delta)| {
            let due = match delta {
                Delta::Join(_) => return None,
                Delta::Leave((due, _)) | Delta::Held(_, due) => *due,
            };
            at.is_none_or(|at| due > at).then_some(user)
        })
    }

    fn of_topic(&self, topic: &str) -> impl Iterator<Item = (&Arc<str>, &Delta)> {
        let topic: Arc<str> = topic.into();
        let from: Key = (topic.clone(), "".into());
        let deltas = self.deltas.range(from..).take_while(move |((name, _), _)| *name == topic);
        deltas.map(|((_, user), delta)| (user, delta))
    }

    fn schedule(&mut self, key: Key, connection: ConnectionId, due: Instant, joined: bool) {
        self.last += 1;
        let place = (due, self.last);
        let (topic, user) = key.clone();
        let change = PresenceChange { topic, user, joined, connection };
        self.pending.insert(place, Pending { change, deferred: None });
        self.deltas.insert(key, if joined { Delta::Join(place) } else { Delta::Leave(place) });
    }

    /// Removes the delta of a user and topic. Returns true if there was one: then the state is again the announced one.
    fn withdraw(&mut self, key: &Key) -> bool {
        match self.deltas.remove(key) {
            None => return false,
            Some(Delta::Join(place) | Delta::Leave(place)) => {
                if let Some(Pending { deferred: Some(messages), .. }) = self.pending.remove(&place) {
                    self.pace.release(&key.1, messages);
                }
            }
            Some(Delta::Held(id, _)) => {
                if let Some(keys) = self.held.get_mut(&id) {
                    keys.retain(|held| held != key);
                    if keys.is_empty() {
                        self.held.remove(&id);
                    }
                }
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The users, each with true for a join.
    fn changes(changes: Vec<PresenceChange>) -> Vec<(String, bool)> {
        changes.into_iter().map(|change| (change.user.to_string(), change.joined)).collect()
    }

    fn change(user: &str, joined: bool) -> (String, bool) {
        (user.to_owned(), joined)
    }

    const ID: ConnectionId = ConnectionId::new(0, 2, 3);

    fn key(user: &str) -> Key {
        ("room".into(), user.into())
    }

    fn deltas(grace: u64) -> (PresenceDeltas, Instant) {
        let mut deltas = PresenceDeltas::default();
        let grace = Duration::from_secs(grace);
        deltas.announce(Announced { topics: vec!["room".into()], grace, to_clients: true });
        (deltas, Instant::now())
    }

    fn is_empty(deltas: &PresenceDeltas) -> bool {
        deltas.pending.is_empty() && deltas.deltas.is_empty() && deltas.held.is_empty()
    }

    #[test]
    fn a_user_who_returns_within_the_grace_has_not_left() {
        let (mut deltas, start) = deltas(10);
        let at = |seconds| start + Duration::from_secs(seconds);
        let lingering =
            |deltas: &PresenceDeltas, seconds| deltas.lingering("room", Some(at(seconds))).count();
        deltas.leave(key("ann"), ID, at(0), false);
        deltas.leave(key("bob"), ID, at(1), false);
        deltas.join(key("cid"), ID, at(2));
        assert_eq!(changes(deltas.take(Some(at(2)))), [change("cid", true)]);
        assert_eq!((deltas.next_due(), lingering(&deltas, 2)), (Some(at(10)), 2));
        deltas.join(key("ann"), ID, at(9));
        assert_eq!(changes(deltas.take(Some(at(10)))), []);
        assert_eq!((lingering(&deltas, 10), lingering(&deltas, 11)), (1, 0));
        assert_eq!(changes(deltas.take(Some(at(11)))), [change("bob", false)]);
        assert!(is_empty(&deltas) && deltas.next_due().is_none());
    }

    #[test]
    fn the_leave_by_a_client_that_closed_waits_for_its_last_messages() {
        let (mut deltas, start) = deltas(10);
        let at = |seconds| start + Duration::from_secs(seconds);
        let (ann, bob) = (ConnectionId::new(0, 0, 1), ConnectionId::new(0, 1, 2));
        deltas.leave(key("ann"), ann, at(0), true);
        deltas.leave(key("bob"), bob, at(0), true);
        assert_eq!((changes(deltas.take(Some(at(20)))), deltas.next_due()), (vec![], None));
        assert_eq!(deltas.lingering("room", None).count(), 2);
        assert_eq!(deltas.lingering("room", Some(at(20))).count(), 0);
        deltas.join(key("bob"), ID, at(20));
        deltas.release(bob);
        // The grace has run since it left.
        deltas.release(ann);
        assert_eq!(deltas.next_due(), Some(at(10)));
        assert_eq!(changes(deltas.take(Some(at(20)))), [change("ann", false)]);
        assert!(is_empty(&deltas));
    }

    #[test]
    fn at_the_end_every_change_is_taken() {
        let (mut deltas, now) = deltas(10);
        deltas.leave(key("ann"), ID, now, false);
        deltas.leave(key("bob"), ConnectionId::new(0, 0, 1), now, true);
        deltas.join(key("cid"), ID, now);
        assert_eq!(
            changes(deltas.take(None)),
            [change("cid", true), change("ann", false), change("bob", false)]
        );
        assert!(is_empty(&deltas));
    }

    #[test]
    fn topics_that_are_no_longer_announced_have_no_deltas() {
        let (mut deltas, now) = deltas(0);
        deltas.join(key("ann"), ID, now);
        deltas.leave(key("bob"), ConnectionId::new(0, 0, 1), now, true);
        deltas.announce(Announced { topics: vec!["other".into()], ..Announced::default() });
        assert_eq!(changes(deltas.take(None)), []);
        assert!(is_empty(&deltas) && deltas.next_due().is_none());
    }
}
