//! Audiences, queries and presence that cross to another process.

use std::time::Duration;

use proptest::prelude::*;

use super::{Announced, Audience, Interests, Presence, Query, query::tests::any_query};
use crate::{
    queue::{ConnectionId, TagValue},
    serde_tests::{bytes, check, check_any, read},
};

/// The bytes of a query's list of parts.
fn parts(parts: &[&[u8]]) -> Vec<u8> {
    let length = bytes(&parts.len());
    [&length[..], &parts.concat()].concat()
}

const HAS_A: &[u8] = b"\x01\x01a";
const NOT: &[u8] = b"\x04";

fn audience(query: Option<Query>) -> Audience {
    Audience {
        topics: Some(vec!["room.1".into(), "*".into()]),
        users: Some(vec!["ann".into(), "é".into()]),
        tags: query,
        connections: Some(vec![ConnectionId::new(1, 2, 3), ConnectionId::from_php(-1)]),
        except: vec![ConnectionId::new(63, 0, 1)],
    }
}

#[test]
fn an_audience_comes_out_as_it_went_in() {
    check(&Audience::default());
    check(&Audience { topics: Some(vec![]), users: Some(vec![]), ..Audience::default() });
    check(&audience(Some(Query::parse("lang=FR & (role=admin | role=2) & !muted").unwrap())));
}

#[test]
fn a_query_is_a_flat_list_of_parts() {
    assert_eq!(read(&parts(&[NOT, HAS_A])), Some(Query::Has("a".into()).negated().unwrap()));
    for query in [Query::All(vec![]), Query::Any(vec![]), Query::In("a".into(), vec![])] {
        check(&query);
    }
    // Too few parts, too many, and the number of parts of All as large as a number can be.
    for list in [&[][..], &[NOT], &[HAS_A, HAS_A], &[b"\x02\x02", HAS_A]] {
        assert_eq!(read::<Query>(&parts(list)), None, "{list:?}");
    }
    let endless = b"\x02\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    assert_eq!(read::<Query>(&parts(&[endless, HAS_A])), None);
}

#[test]
fn a_deep_query_of_another_process_is_an_error_and_no_overflow_of_the_stack() {
    let negated = |times: usize| read::<Query>(&parts(&[&vec![NOT; times][..], &[HAS_A]].concat()));
    assert!(negated(Query::MAX_DEPTH - 1).is_some_and(|query| query.checked().is_ok()));
    assert_eq!(negated(Query::MAX_DEPTH), None);
    assert_eq!(negated(1_000_000), None);
}

#[test]
fn a_long_query_of_another_process_is_an_error() {
    let values = |count: i64| Query::In("a".into(), (0..count).map(TagValue::Int).collect());
    check_length(values(1024), values(1025));
    let any = |count: usize| Query::Any(vec![Query::Has("a".into()); count]);
    check_length(any(1024), any(1025));
    // Parts without a part count too: they take up memory.
    let empty = |count: usize| Query::All(vec![Query::Any(vec![]); count]);
    check_length(empty(1024), empty(1025));
}

fn check_length(longest: Query, longer: Query) {
    assert_eq!(read(&bytes(&longest)), Some(longest));
    assert_eq!(read::<Query>(&bytes(&longer)), None);
}

#[test]
fn a_query_of_another_process_has_names_and_values_of_tags_only() {
    let long = "x".repeat(201);
    for name in ["", "a\n", &long] {
        for query in [Query::Has(name.into()), Query::In(name.into(), vec![]), Query::is(name, 1)] {
            assert_eq!(read::<Query>(&bytes(&query)), None, "{query:?}");
        }
    }
    assert_eq!(read::<Query>(&bytes(&Query::is("a", &*long))), None);
}

#[test]
fn announced_topics_are_topics_and_their_grace_can_be_added_to_any_time() {
    let announced = |topic: &str, grace| Announced { topics: vec![topic.into()], grace, to_clients: true };
    check(&announced("room.*", Announced::MAX_GRACE));
    check(&Announced::default());
    let longer = Announced::MAX_GRACE + Duration::from_nanos(1);
    for wrong in [
        announced("a b", Duration::ZERO),
        announced("", Duration::ZERO),
        announced("a", longer),
        announced("a", Duration::MAX),
    ] {
        assert_eq!(read::<Announced>(&bytes(&wrong)), None, "{wrong:?}");
    }
}

#[test]
fn a_list_of_users_is_in_order_without_repetitions() {
    check(&Presence { users: vec!["ann".into(), "bob".into(), "é".into()], connections: 4 });
    for users in [["b", "a"], ["a", "a"]] {
        let wrong = Presence { users: users.map(Into::into).to_vec(), connections: 2 };
        assert_eq!(read::<Presence>(&bytes(&wrong)), None);
    }
}

#[test]
fn interests_come_out_as_they_went_in() {
    check(&Interests::NONE);
    check(&Interests { handshakes: true, drains: true, kept_requests: true, ..Interests::NONE });
}

proptest! {
    #[test]
    fn every_query_comes_out_as_it_went_in(
        query in any_query("[a-zé ]{1,3}".boxed(), "[ -~é\0]{0,6}".boxed())
    ) {
        let audience = audience(Some(query));
        prop_assert_eq!(read(&bytes(&audience)), Some(audience));
    }

    #[test]
    fn any_bytes_are_a_value_or_an_error(any in prop::collection::vec(any::<u8>(), 0..100)) {
        check_any::<Audience>(&any);
        check_any::<Announced>(&any);
        check_any::<Presence>(&any);
        check_any::<Interests>(&any);
    }

    #[test]
    fn parts_in_any_order_are_a_query_within_its_bounds_or_an_error(
        list in prop::collection::vec(
            prop::sample::select(vec![HAS_A, NOT, b"\x02\x02", b"\x03\x01", b"\x02\x00", b"\x00\x01b\x02\x00\x02\x01\x00"]),
            0..200,
        )
    ) {
        let whole = parts(&list);
        check_any::<Query>(&whole);
        if let Some(query) = read::<Query>(&whole) {
            prop_assert!(query.checked().is_ok());
        }
    }
}
