//! Audiences against a naive evaluator.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, test_runner::TestRunner};

use super::*;
use crate::hub::{
    audience::Audience,
    query::{Query, tests::any_query},
};

/// One connection as a naive evaluator sees it.
#[derive(Debug, Clone, Default)]
struct Plain {
    topics: BTreeSet<String>,
    user: Option<String>,
    tags: BTreeMap<String, String>,
}

fn matches(query: &Query, tags: &BTreeMap<String, String>) -> bool {
    match query {
        Query::Has(name) => tags.contains_key(&**name),
        Query::In(name, values) => {
            tags.get(&**name).is_some_and(|tag| values.iter().any(|value| value.to_string() == *tag))
        }
        Query::Not(query) => !matches(query, tags),
        Query::All(parts) => parts.iter().all(|part| matches(part, tags)),
        Query::Any(parts) => parts.iter().any(|part| matches(part, tags)),
    }
}

fn is_meant(audience: &Audience, id: ConnectionId, plain: &Plain) -> bool {
    let one_of = |names: &Option<Vec<Arc<str>>>, has: &dyn Fn(&str) -> bool| {
        names.as_ref().is_none_or(|names| names.iter().any(|name| has(name)))
    };
    one_of(&audience.topics, &|topic| plain.topics.contains(topic))
        && one_of(&audience.users, &|user| plain.user.as_deref() == Some(user))
        && audience.tags.as_ref().is_none_or(|query| matches(query, &plain.tags))
        && audience.connections.as_ref().is_none_or(|ids| ids.contains(&id))
}

const SHARDS: usize = 3;

fn id(n: usize) -> ConnectionId {
    ConnectionId::new(n % SHARDS, n / SHARDS, n as u64 + 1)
}

fn few(names: &'static [&'static str]) -> BoxedStrategy<String> {
    prop::sample::select(names).prop_map(str::to_owned).boxed()
}

const NAMES: &[&str] = &["a", "b", "c"];
const VALUES: &[&str] = &["1", "2", "x", ""];

fn any_plain() -> impl Strategy<Value = Plain> {
    let topics = prop::collection::btree_set(few(NAMES), 0..3);
    let tags = prop::collection::btree_map(few(NAMES), few(VALUES), 0..4);
    (topics, prop::option::of(few(NAMES)), tags).prop_map(|(topics, user, tags)| Plain { topics, user, tags })
}

fn any_audience() -> impl Strategy<Value = Audience> {
    let names = || {
        let names = prop::collection::vec(few(NAMES).prop_map(|name| Arc::from(&*name)), 0..3);
        prop::option::weighted(0.3, names)
    };
    let query = prop::option::weighted(0.8, any_query(few(NAMES), few(VALUES)));
    let ids = prop::option::weighted(0.2, prop::collection::btree_set((0..12_usize).prop_map(id), 0..6));
    (names(), names(), query, ids).prop_map(|(topics, users, tags, connections)| Audience {
        topics,
        users,
        tags,
        connections: connections.map(|ids| ids.into_iter().collect()),
        except: Vec::new(),
    })
}

fn enter(directory: &Directory, id: ConnectionId, plain: &Plain) {
    for topic in &plain.topics {
        directory.join(id, topic);
    }
    if let Some(user) = &plain.user {
        directory.add_user(id, user);
    }
    for (name, value) in &plain.tags {
        directory.tag(id, name, None, &TagValue::from(&**value));
    }
}

fn exit(directory: &Directory, id: ConnectionId, plain: &Plain) {
    for topic in &plain.topics {
        directory.leave(id, &topic.as_str().into(), false);
    }
    if let Some(user) = &plain.user {
        directory.remove_user(id, user);
    }
    for (name, value) in &plain.tags {
        directory.untag(id, name, &TagValue::from(&**value));
    }
}

#[test]
fn an_audience_has_the_connections_of_a_naive_evaluator_100_000_times() {
    let plain = || prop::collection::vec(any_plain(), 0..10);
    let audiences = prop::collection::vec(any_audience(), 20..=20);
    let config = ProptestConfig { cases: 5_000, ..ProptestConfig::default() };
    let asked = std::cell::Cell::new(0);
    TestRunner::new(config)
        .run(&(plain(), plain(), audiences), |(before, now, audiences)| {
            let directory = Directory::new(SHARDS);
            // Earlier connections leave no trace.
            before.iter().enumerate().for_each(|(n, plain)| enter(&directory, id(n), plain));
            before.iter().enumerate().for_each(|(n, plain)| exit(&directory, id(n), plain));
            prop_assert!(directory.is_empty());
            now.iter().enumerate().for_each(|(n, plain)| enter(&directory, id(n), plain));
            for audience in &audiences {
                let all_open = || (0..now.len()).map(id).collect();
                let mut found = directory.find(audience, all_open);
                found.sort_unstable();
                let ids = now.iter().enumerate().map(|(n, plain)| (id(n), plain));
                // The registry, not the directory, refuses an id that no connection has.
                let absent = (now.len()..12).map(id).map(|id| (id, Plain::default()));
                let mut expected: Vec<_> = ids
                    .map(|(id, plain)| (id, plain.clone()))
                    .chain(absent.filter(|_| audience.connections.is_some()))
                    .filter(|(id, plain)| is_meant(audience, *id, plain))
                    .map(|(id, _)| id)
                    .collect();
                expected.sort_unstable();
                prop_assert_eq!(&found, &expected, "{:?}", audience);
                asked.set(asked.get() + 1);
            }
            now.iter().enumerate().for_each(|(n, plain)| exit(&directory, id(n), plain));
            prop_assert!(directory.is_empty());
            Ok(())
        })
        .unwrap();
    assert_eq!(asked.get(), 100_000);
}

#[test]
fn a_changed_tag_is_found_by_its_new_value_alone() {
    let directory = Directory::new(SHARDS);
    let find = |query: &str| {
        let tags = Some(Query::parse(query).unwrap());
        directory.find(&Audience { tags, ..Audience::default() }, Vec::new).len()
    };
    directory.tag(id(0), "a", None, &1.into());
    directory.tag(id(0), "a", Some(&1.into()), &"2".into());
    assert_eq!((find("a=1"), find("a=2"), find("a")), (0, 1, 1));
    directory.untag(id(0), "a", &2.into());
    assert!(directory.is_empty());
}

#[test]
fn connections_chosen_by_their_properties_are_found_without_listing_all() {
    let directory = Directory::new(SHARDS);
    for n in 0..100 {
        directory.tag(id(n), "n", None, &(n as i64).into());
        directory.add_user(id(n), "ann");
        directory.join(id(n), "room");
    }
    let not_called = || -> Vec<ConnectionId> { panic!("all connections were listed") };
    let tags = |query: &str| Some(Query::parse(query).unwrap());
    for (query, count) in [("n=1", 1), ("n & !n=3", 99), ("!n=3 & n=4", 1), ("!(!n=3 | !n)", 1), ("x", 0)] {
        let audience = Audience { tags: tags(query), ..Audience::default() };
        assert_eq!(directory.find(&audience, not_called).len(), count, "{query}");
    }
    let but = || Audience { tags: tags("!n=3 & !x"), ..Audience::default() };
    let user = Audience { users: Some(vec!["ann".into()]), ..but() };
    let topic = Audience { topics: Some(vec!["room".into(), "none".into()]), ..but() };
    let given = Audience { connections: Some(vec![id(3), id(4), id(3)]), ..but() };
    for (audience, count) in [(user, 99), (topic, 99), (given, 1)] {
        assert_eq!(directory.find(&audience, not_called).len(), count, "{audience:?}");
    }
    assert_eq!(directory.find(&but(), || vec![id(3), id(4)]), [id(4)]);
}
