//! Who came into announced topics or left them, and it was not told yet.

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

/// What differs from what was told last. Who comes back before a leave is told was never away, and who leaves before
/// a join is told was never there: so what is told of one user and topic alternates, and what waits is never more than
/// what differs, however much comes and goes while nobody takes it.
#[derive(Debug, Default)]
pub(super) struct News {
    announced: Announced,
    /// By when it may be told, then in the order in which it happened.
    pending: BTreeMap<Place, Pending>,
    /// Each change that was not told.
    changes: BTreeMap<Key, Noted>,
    /// Leaves by connections whose close the consumer has not come to: what those said before is still on its way.
    held: HashMap<ConnectionId, Vec<Key>>,
    last: u64,
    pace: Pace,
}

#[derive(Debug)]
struct Pending {
    change: PresenceChange,
    /// The messages for which it has waited already, if it came too fast.
    waited: Option<usize>,
}

/// Topic and user.
type Key = (Arc<str>, Arc<str>);
type Place = (Instant, u64);

#[derive(Debug, Clone, Copy)]
enum Noted {
    Join(Place),
    Leave(Place),
    /// The leave of a connection, and when it might be told if it were not held.
    Held(ConnectionId, Instant),
}

impl News {
    /// Says what is announced from now on. Who is there already is not news, nor will be what no longer is announced.
    pub(super) fn announce(&mut self, announced: Announced) {
        self.announced = announced;
        self.pending.retain(|_, pending| self.announced.covers(&pending.change.topic));
        self.changes.retain(|(topic, _), _| self.announced.covers(topic));
        self.held.retain(|_, keys| {
            keys.retain(|(topic, _)| self.announced.covers(topic));
            !keys.is_empty()
        });
    }

    pub(super) fn announced(&self) -> &Announced {
        &self.announced
    }

    /// Notes that a user's first connection joined a topic.
    pub(super) fn join(&mut self, key: Key, id: ConnectionId, now: Instant) {
        if !self.withdraw(&key) {
            self.date(key, id, now, true);
        }
    }

    /// Notes that a user's last connection left a topic. `held`: because that one was closed, and not by the consumer.
    pub(super) fn leave(&mut self, key: Key, id: ConnectionId, now: Instant, held: bool) {
        if self.withdraw(&key) {
            return;
        }
        let due = now + self.announced.grace;
        if held {
            self.held.entry(id).or_default().push(key.clone());
            self.changes.insert(key, Noted::Held(id, due));
        } else {
            self.date(key, id, due, false);
        }
    }

    /// The consumer has come to the close of a connection.
    pub(super) fn release(&mut self, id: ConnectionId) {
        for key in self.held.remove(&id).unwrap_or_default() {
            if let Some(&Noted::Held(_, due)) = self.changes.get(&key) {
                self.date(key, id, due, false);
            }
        }
    }

    /// Takes what may be told by then, or everything.
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
        due.into_values().map(|pending| self.told(pending)).collect()
    }

    /// Takes what may be told by now, as fast as subscribers are told at all; `subscribers`: how many a topic has.
    pub(super) fn take_paced(
        &mut self,
        now: Instant,
        subscribers: impl Fn(&str) -> usize,
    ) -> Vec<PresenceChange> {
        let later = self.pending.split_off(&(now, u64::MAX));
        let mut due = std::mem::replace(&mut self.pending, later);
        let mut told = Vec::new();
        while self.pace.all(now) <= now
            && let Some(((_, number), mut pending)) = due.pop_first()
        {
            let PresenceChange { topic, user, joined, .. } = &pending.change;
            let messages = subscribers(topic);
            if pending.waited.is_none() {
                let at = self.pace.user(user, messages, now);
                if at > now {
                    let place = (at, number);
                    let noted = if *joined { Noted::Join(place) } else { Noted::Leave(place) };
                    self.changes.insert((topic.clone(), user.clone()), noted);
                    pending.waited = Some(messages);
                    self.pending.insert(place, pending);
                    continue;
                }
            }
            self.pace.count(messages, now);
            told.push(self.told(pending));
        }
        // What is left is still due, in its order.
        self.pending.append(&mut due);
        told
    }

    fn told(&mut self, Pending { change, .. }: Pending) -> PresenceChange {
        self.changes.remove(&(change.topic.clone(), change.user.clone()));
        change
    }

    /// When there is something to be told.
    pub(super) fn next(&self) -> Option<Instant> {
        self.pending.keys().next().map(|(due, _)| self.pace.all(*due))
    }

    /// Who is in a topic without that having been told.
    pub(super) fn untold(&self, topic: &str) -> impl Iterator<Item = &Arc<str>> {
        self.of_topic(topic).filter_map(|(user, noted)| matches!(noted, Noted::Join(_)).then_some(user))
    }

    /// Who has left a topic without that having been told; with a time, only who may then still come back unnoticed.
    pub(super) fn lingering(&self, topic: &str, at: Option<Instant>) -> impl Iterator<Item = &Arc<str>> {
        self.of_topic(topic).filter_map(move |(user, noted)| {
            let due = match noted {
                Noted::Join(_) => return None,
                Noted::Leave((due, _)) | Noted::Held(_, due) => *due,
            };
            at.is_none_or(|at| due > at).then_some(user)
        })
    }

    fn of_topic(&self, topic: &str) -> impl Iterator<Item = (&Arc<str>, &Noted)> {
        let topic: Arc<str> = topic.into();
        let from: Key = (topic.clone(), "".into());
        let changes = self.changes.range(from..).take_while(move |((name, _), _)| *name == topic);
        changes.map(|((_, user), noted)| (user, noted))
    }

    fn date(&mut self, key: Key, connection: ConnectionId, due: Instant, joined: bool) {
        self.last += 1;
        let place = (due, self.last);
        let (topic, user) = key.clone();
        let change = PresenceChange { topic, user, joined, connection };
        self.pending.insert(place, Pending { change, waited: None });
        self.changes.insert(key, if joined { Noted::Join(place) } else { Noted::Leave(place) });
    }

    /// Takes back a change that was not told. Then all is as it was told last.
    fn withdraw(&mut self, key: &Key) -> bool {
        match self.changes.remove(key) {
            None => return false,
            Some(Noted::Join(place) | Noted::Leave(place)) => {
                if let Some(Pending { waited: Some(messages), .. }) = self.pending.remove(&place) {
                    self.pace.give_back(&key.1, messages);
                }
            }
            Some(Noted::Held(id, _)) => {
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

    /// Users and whether they joined.
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

    fn news(grace: u64) -> (News, Instant) {
        let mut news = News::default();
        let grace = Duration::from_secs(grace);
        news.announce(Announced { topics: vec!["room".into()], grace, to_clients: true });
        (news, Instant::now())
    }

    fn is_empty(news: &News) -> bool {
        news.pending.is_empty() && news.changes.is_empty() && news.held.is_empty()
    }

    #[test]
    fn who_comes_back_within_the_grace_was_never_away() {
        let (mut news, start) = news(10);
        let at = |seconds| start + Duration::from_secs(seconds);
        let lingering = |news: &News, seconds| news.lingering("room", Some(at(seconds))).count();
        news.leave(key("ann"), ID, at(0), false);
        news.leave(key("bob"), ID, at(1), false);
        news.join(key("cid"), ID, at(2));
        assert_eq!(changes(news.take(Some(at(2)))), [change("cid", true)]);
        assert_eq!((news.next(), lingering(&news, 2)), (Some(at(10)), 2));
        news.join(key("ann"), ID, at(9));
        assert_eq!(changes(news.take(Some(at(10)))), []);
        assert_eq!((lingering(&news, 10), lingering(&news, 11)), (1, 0));
        assert_eq!(changes(news.take(Some(at(11)))), [change("bob", false)]);
        assert!(is_empty(&news) && news.next().is_none());
    }

    #[test]
    fn the_leave_of_a_client_that_went_waits_for_what_it_had_said() {
        let (mut news, start) = news(10);
        let at = |seconds| start + Duration::from_secs(seconds);
        let (ann, bob) = (ConnectionId::new(0, 0, 1), ConnectionId::new(0, 1, 2));
        news.leave(key("ann"), ann, at(0), true);
        news.leave(key("bob"), bob, at(0), true);
        assert_eq!((changes(news.take(Some(at(20)))), news.next()), (vec![], None));
        assert_eq!(news.lingering("room", None).count(), 2);
        assert_eq!(news.lingering("room", Some(at(20))).count(), 0);
        news.join(key("bob"), ID, at(20));
        news.release(bob);
        // The grace has run since it left.
        news.release(ann);
        assert_eq!(news.next(), Some(at(10)));
        assert_eq!(changes(news.take(Some(at(20)))), [change("ann", false)]);
        assert!(is_empty(&news));
    }

    #[test]
    fn at_the_end_everything_is_told() {
        let (mut news, now) = news(10);
        news.leave(key("ann"), ID, now, false);
        news.leave(key("bob"), ConnectionId::new(0, 0, 1), now, true);
        news.join(key("cid"), ID, now);
        assert_eq!(
            changes(news.take(None)),
            [change("cid", true), change("ann", false), change("bob", false)]
        );
        assert!(is_empty(&news));
    }

    #[test]
    fn what_is_no_longer_announced_is_no_news() {
        let (mut news, now) = news(0);
        news.join(key("ann"), ID, now);
        news.leave(key("bob"), ConnectionId::new(0, 0, 1), now, true);
        news.announce(Announced { topics: vec!["other".into()], ..Announced::default() });
        assert_eq!(changes(news.take(None)), []);
        assert!(is_empty(&news) && news.next().is_none());
    }
}
