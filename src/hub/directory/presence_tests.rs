//! Presence against a plain model, and under churn from several threads.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use crate::{
    config::Limits,
    connection::SendGauge,
    hub::{Announced, Hub},
    queue::{Accept, PresenceChange},
};

const SHARDS: usize = 3;
const USERS: [&str; 3] = ["ann", "bob", "cid"];
const TOPICS: [&str; 4] = ["room.a", "room.b", "room.c", "quiet"];

fn hub() -> Hub {
    let hub = Hub::new(SHARDS, Limits::default(), None);
    let topics = vec!["room.*".into()];
    hub.directory.announce(Announced { topics, to_clients: true, ..Announced::default() });
    hub
}

fn open(hub: &Hub, id: ConnectionId, user: Option<&str>, topics: &[&str]) {
    let accept = Accept {
        user: user.map(str::to_owned),
        topics: topics.iter().map(|topic| Arc::from(*topic)).collect(),
        ..Accept::default()
    };
    hub.admit(Arc::new(SendGauge::new(id)), &accept, None);
}

/// The network closes it.
fn close(hub: &Hub, id: ConnectionId) {
    hub.registry.close(id, &hub.directory);
}

/// The consumer takes the close.
fn take_close(hub: &Hub, id: ConnectionId) {
    hub.registry.forget(id);
    hub.directory.release(id);
}

fn names(users: &[Arc<str>]) -> Vec<&str> {
    users.iter().map(|user| &**user).collect()
}

/// The users by the announced changes alone. Panics at a second join, or a leave without a join.
#[derive(Debug, Default)]
struct Listener(BTreeSet<(String, String)>);

impl Listener {
    fn apply(&mut self, changes: Vec<PresenceChange>) {
        for PresenceChange { topic, user, joined, .. } in changes {
            let pair = (topic.to_string(), user.to_string());
            let changed = if joined { self.0.insert(pair) } else { self.0.remove(&pair) };
            assert!(changed, "{topic}: {user} {}", if joined { "joined twice" } else { "was not there" });
        }
    }

    fn of(&self, topic: &str) -> Vec<&str> {
        self.0.iter().filter(|(at, _)| at == topic).map(|(_, user)| &**user).collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// The connection of that place opens, after an earlier one there has closed.
    Open(usize, Option<&'static str>, BTreeSet<&'static str>),
    Close(usize),
    Subscribe(usize, &'static str),
    Unsubscribe(usize, &'static str),
    /// The consumer takes the closes until now.
    TakeCloses,
    Announce,
}

fn any_step() -> impl Strategy<Value = Step> {
    let place = || 0..8_usize;
    let topic = || prop::sample::select(&TOPICS[..]);
    let user = prop::option::weighted(0.8, prop::sample::select(&USERS[..]));
    let topics = prop::collection::btree_set(topic(), 0..3);
    prop_oneof![
        3 => (place(), user, topics).prop_map(|(place, user, topics)| Step::Open(place, user, topics)),
        2 => place().prop_map(Step::Close),
        3 => (place(), topic()).prop_map(|(place, topic)| Step::Subscribe(place, topic)),
        3 => (place(), topic()).prop_map(|(place, topic)| Step::Unsubscribe(place, topic)),
        1 => Just(Step::TakeCloses),
        2 => Just(Step::Announce),
    ]
}

#[derive(Debug, Default)]
struct Model {
    open: BTreeMap<usize, (ConnectionId, Option<&'static str>, BTreeSet<&'static str>)>,
    /// Closed, but the consumer has not taken the close.
    gone: Vec<ConnectionId>,
    serial: u64,
}

impl Model {
    fn take(&mut self, hub: &Hub, step: &Step) {
        match step {
            Step::Open(place, user, topics) => {
                self.close(hub, *place);
                self.serial += 1;
                let id = ConnectionId::new(place % SHARDS, place / SHARDS, self.serial);
                open(hub, id, *user, &topics.iter().copied().collect::<Vec<_>>());
                self.open.insert(*place, (id, *user, topics.clone()));
            }
            Step::Close(place) => self.close(hub, *place),
            Step::Subscribe(place, topic) => {
                if let Some((id, _, topics)) = self.open.get_mut(place) {
                    let added =
                        hub.registry.get(*id).unwrap().subscribe(&[topic], &hub.directory, 9).unwrap();
                    assert_eq!(added.len(), usize::from(topics.insert(topic)));
                }
            }
            Step::Unsubscribe(place, topic) => {
                if let Some((id, _, topics)) = self.open.get_mut(place) {
                    let left = hub.registry.get(*id).unwrap().unsubscribe(&[topic], &hub.directory);
                    assert_eq!(left.len(), usize::from(topics.remove(topic)));
                }
            }
            Step::TakeCloses => self.gone.drain(..).for_each(|id| take_close(hub, id)),
            Step::Announce => {}
        }
    }

    fn close(&mut self, hub: &Hub, place: usize) {
        if let Some((id, ..)) = self.open.remove(&place) {
            close(hub, id);
            self.gone.push(id);
        }
    }

    /// The users of a topic, and the number of its subscribers.
    fn presence(&self, topic: &str) -> (Vec<&'static str>, usize) {
        let there = || self.open.values().filter(|(_, _, topics)| topics.contains(topic));
        let users: BTreeSet<_> = there().filter_map(|(_, user, _)| *user).collect();
        (users.into_iter().collect(), there().count())
    }
}

#[test]
fn presence_and_its_announcements_agree_with_a_plain_model_in_30_000_steps() {
    let config = ProptestConfig { cases: 300, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(any_step(), 100..=100), |steps| {
            let (hub, mut model, mut listener) = (hub(), Model::default(), Listener::default());
            for step in steps.iter().chain([&Step::Announce, &Step::TakeCloses, &Step::Announce]) {
                model.take(&hub, step);
                if matches!(step, Step::Announce) {
                    for topic in TOPICS {
                        let (changes, _, presence) = hub.directory.take_due_and_presence(topic);
                        listener.apply(changes);
                        let expected = if topic == "quiet" { vec![] } else { names(&presence.users) };
                        prop_assert_eq!(listener.of(topic), expected, "{}", topic);
                    }
                    prop_assert_eq!(hub.directory.next_due(), None);
                }
                for topic in TOPICS {
                    let (users, connections) = model.presence(topic);
                    let presence = hub.presence(topic);
                    prop_assert_eq!(names(&presence.users), users.clone(), "{}", topic);
                    prop_assert_eq!(presence.connections, connections, "{}", topic);
                    if matches!(step, Step::Announce) && model.gone.is_empty() && topic != "quiet" {
                        prop_assert_eq!(listener.of(topic), users);
                    }
                }
            }
            (0..8).for_each(|place| model.close(&hub, place));
            prop_assert!(hub.directory.is_empty());
            listener.apply(hub.directory.take_all(None).0);
            prop_assert!(listener.0.is_empty());
            Ok(())
        })
        .unwrap();
}

#[test]
fn tabs_of_one_user_on_many_threads_are_announced_as_one_user() {
    let hub = hub();
    let running = AtomicUsize::new(SHARDS);
    thread::scope(|scope| {
        for shard in 0..SHARDS {
            let (hub, running) = (&hub, &running);
            scope.spawn(move || {
                for serial in 1..=20_000 {
                    let id = ConnectionId::new(shard, 0, serial);
                    open(hub, id, Some("ann"), &["room.a"]);
                    let handle = hub.registry.get(id).unwrap();
                    if serial % 3 == 0 {
                        handle.unsubscribe(&["room.a"], &hub.directory);
                        handle.subscribe(&["room.a", "room.b"], &hub.directory, 9).unwrap();
                    }
                    close(hub, id);
                    take_close(hub, id);
                }
                open(hub, ConnectionId::new(shard, 0, 20_001), Some("ann"), &["room.a"]);
                running.fetch_sub(1, Ordering::SeqCst);
            });
        }
        let (mut listener, mut announced) = (Listener::default(), 0);
        loop {
            let is_over = running.load(Ordering::SeqCst) == 0;
            let (changes, _) = hub.directory.take_all(Some(Instant::now()));
            announced += changes.len();
            listener.apply(changes);
            if is_over {
                break;
            }
        }
        assert_eq!((listener.of("room.a"), listener.of("room.b")), (vec!["ann"], vec![]));
        assert_eq!(hub.presence("room.a").connections, SHARDS);
        assert!(announced > 1, "nothing was announced in between");
    });
}

#[test]
fn waiting_deltas_do_not_grow_with_churn() {
    let hub = hub();
    for serial in 1..=1000 {
        let id = ConnectionId::new(0, 0, serial);
        open(&hub, id, Some("ann"), &["room.a", "room.b"]);
        close(&hub, id);
        take_close(&hub, id);
    }
    assert_eq!(hub.directory.next_due(), None);
    open(&hub, ConnectionId::new(0, 0, 1001), Some("ann"), &["room.a"]);
    assert!(hub.directory.next_due().is_some());
    assert_eq!(hub.directory.take_all(None).0.len(), 1);
}

#[test]
fn a_list_agrees_with_the_announced_changes_also_during_the_grace() {
    let hub = hub();
    let grace = Duration::from_secs(3600);
    hub.directory.announce(Announced { topics: vec!["room.a".into()], grace, to_clients: true });
    let id = |n| ConnectionId::new(0, n, 1);
    let mut listener = Listener::default();
    for (n, user) in ["bob", "ann"].into_iter().enumerate() {
        open(&hub, id(n), Some(user), &["room.a", "quiet"]);
    }
    let (changes, to_clients, presence) = hub.directory.take_due_and_presence("room.a");
    listener.apply(changes);
    assert!(to_clients);
    assert_eq!((names(&presence.users), listener.of("room.a")), (vec!["ann", "bob"], vec!["ann", "bob"]));
    close(&hub, id(0));
    let (changes, _, presence) = hub.directory.take_due_and_presence("room.a");
    listener.apply(changes);
    assert_eq!((names(&presence.users), presence.connections), (vec!["ann", "bob"], 1));
    assert_eq!(listener.of("room.a"), ["ann", "bob"]);
    assert_eq!(names(&hub.presence("quiet").users), ["ann"], "without an announcement there is no grace");
}

#[test]
fn churn_of_a_user_in_many_topics_is_announced_at_a_pace_and_ends_with_the_truth() {
    let hub = hub();
    let rooms: Vec<String> = (0..256).map(|n| format!("room.{n}")).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    (0..200).for_each(|n| open(&hub, ConnectionId::new(1, n, 1), None, &rooms));
    let (start, mut listener, mut announced) = (Instant::now(), Listener::default(), 0);
    let mut announce = |listener: &mut Listener, milliseconds: u64| {
        let (changes, _) = hub.directory.take_due(start + Duration::from_millis(milliseconds));
        announced += changes.len();
        listener.apply(changes);
        announced
    };
    // The user comes and goes for two seconds.
    for visit in 0..40 {
        let id = ConnectionId::new(0, 0, visit + 1);
        open(&hub, id, Some("ann"), &rooms);
        announce(&mut listener, visit * 50 + 25);
        close(&hub, id);
        take_close(&hub, id);
        announce(&mut listener, visit * 50 + 50);
    }
    let messages = announce(&mut listener, 2_000) * 201;
    assert!(messages < 10_000 + 2 * 2_000 + 2 * 201, "{messages}");
    assert!(hub.directory.next_due().is_some(), "the leaves are still to be announced");
    // When the user stays, its joins are announced in time; until then a list agrees with the announced changes.
    open(&hub, ConnectionId::new(0, 0, 41), Some("ann"), &rooms);
    for milliseconds in (2_000..60_000).step_by(10) {
        announce(&mut listener, milliseconds);
        for topic in [rooms[0], rooms[255]] {
            let list = hub.directory.index.lock().snapshot(topic, None).presence();
            assert_eq!(names(&list.users), listener.of(topic));
        }
    }
    assert!(rooms.iter().all(|room| listener.of(room) == ["ann"]));
    assert_eq!(hub.directory.next_due(), None);
}
