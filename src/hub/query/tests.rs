//! Reading, writing and bounding queries.

use proptest::prelude::*;

use super::*;
use crate::queue::TagValue;

fn text(query: &str) -> String {
    Query::parse(query).map_or_else(|error| error.to_string(), |query| query.to_string())
}

#[test]
fn the_text_form_is_read_with_its_precedence() {
    for (given, read) in [
        ("lang=FR", "lang=FR"),
        (" lang = FR ", "lang=FR"),
        ("muted", "muted"),
        ("!muted", "!muted"),
        ("!!muted", "muted"),
        ("lang!=FR", "!(lang=FR)"),
        ("a & b | c & !d", "(a & b) | (c & !d)"),
        ("a & (b | c) & !(d | e)", "a & (b | c) & !(d | e)"),
        ("lang=FR & (role=admin | role=mod) & !muted", "lang=FR & (role=admin | role=mod) & !muted"),
        ("a=1&b=-2", "a=1 & b=-2"),
        ("room=a/b:c.d-e_f@g+h*#$%", "room=a/b:c.d-e_f@g+h*#$%"),
        ("größe=Übergröße", "größe=Übergröße"),
        (r#""a b" = "c \" \\ ) | \"" "#, r#""a b"="c \" \\ ) | \"""#),
        (r#"a="""#, r#"a="""#),
    ] {
        assert_eq!(text(given), read, "{given}");
    }
}

#[test]
fn an_error_points_at_the_column() {
    for (given, error) in [
        ("", "column 1: expected the name of a tag, but the query ends here"),
        ("a=", "column 3: expected a value, but the query ends here"),
        ("a = & b", "column 5: expected a value, found '&'"),
        ("a && b", "column 4: one & is enough"),
        ("a || b", "column 4: one | is enough"),
        ("a == b", "column 4: one = is enough"),
        ("a b", "column 3: expected & or |, found 'b'"),
        ("(a | b", "column 7: expected a closing bracket, & or |, but the query ends here"),
        ("a)", "column 2: a closing bracket that was not opened"),
        ("()", "column 2: expected the name of a tag, found ')'"),
        ("é & \"b", "column 5: a quote that is not closed"),
        ("a=\"b\\n\"", "column 5: after a backslash in quotes comes \" or \\"),
        ("=a", "column 1: expected the name of a tag, found '='"),
        (
            "ok & \"\"=1",
            "column 6: \"\" is not the name of a tag: 1 to 200 bytes of UTF-8 without control characters",
        ),
        (
            "ok & \"a\0\"",
            "column 6: \"a\\0\" is not the name of a tag: 1 to 200 bytes of UTF-8 without control characters",
        ),
        ("a!b", "column 2: expected & or |, found '!'"),
        ("a;b", "column 2: expected & or |, found ';'"),
    ] {
        assert_eq!(text(given), error, "{given:?}");
    }
    let long = format!("ok & name={}", "x".repeat(201));
    assert_eq!(text(&long), "column 11: the value of the tag name has 201 bytes; it may have 200");
}

#[test]
fn a_query_is_bounded_in_depth_and_length_however_it_is_made() {
    assert_eq!(text(&format!("{}a{}", "(".repeat(32), ")".repeat(32))), "a");
    for deep in [format!("{}a", "(".repeat(100_000)), format!("{}a", "!".repeat(100_000))] {
        assert_eq!(Query::parse(&deep), Err(QueryError::TooDeep));
    }
    let many = |n: usize| vec!["a"; n].join("|");
    assert!(Query::parse(&many(1024)).is_ok());
    assert_eq!(Query::parse(&many(1025)), Err(QueryError::TooLong));
    let values = (0..1025).map(TagValue::Int).collect();
    assert_eq!(Query::In("a".into(), values).checked(), Err(QueryError::TooLong));
    // A query chained in a loop does not become deep.
    let mut query = Query::is("a", 0);
    for n in 1..1000 {
        query = query.or(Query::is("a", n)).unwrap();
    }
    for _ in 0..1000 {
        query = query.negated().unwrap();
    }
    let (a, b) = (Query::Has("a".into()), Query::Has("b".into()));
    let deeper = |query: Query| query.and(a.clone()).and_then(|query| query.or(b.clone()));
    let mut query = a.clone();
    let error = loop {
        match deeper(query) {
            Ok(deep) => query = deep,
            Err(error) => break error,
        }
    };
    assert_eq!(error, QueryError::TooDeep);
}

#[test]
fn queries_for_every_and_for_no_connection_have_a_text_too() {
    assert_eq!(Query::All(vec![]).to_string(), "(any | !any)");
    assert_eq!(Query::Any(vec![]).to_string(), "(any & !any)");
    assert_eq!(Query::In("a".into(), vec![]).negated().unwrap().to_string(), "!((any & !any))");
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{1,3}", "[ -~é\"\\\\]{1,6}"]
}

pub(in crate::hub) fn any_query(
    name: BoxedStrategy<String>,
    value: BoxedStrategy<String>,
) -> impl Strategy<Value = Query> {
    let values = prop::collection::vec(value.prop_map(|value| TagValue::from(&*value)), 0..3);
    let leaf = prop_oneof![
        name.clone().prop_map(|name| Query::Has((&*name).into())),
        (name, values).prop_map(|(name, values)| Query::In((&*name).into(), values)),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Query::All),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Query::Any),
            inner.prop_map(|query| Query::Not(Box::new(query))),
        ]
    })
}

proptest! {
    #[test]
    fn a_written_query_is_read_as_a_query_of_the_same_text(query in any_query(word().boxed(), word().boxed())) {
        let text = query.to_string();
        let again = Query::parse(&text).unwrap();
        // A list of values and a list of conditions are written alike.
        prop_assert_eq!(Query::parse(&again.to_string()).unwrap(), again);
    }

    #[test]
    fn any_text_is_a_query_or_an_error_within_it(text in "[a-c=!&|()\" \\\\é]{0,20}") {
        if let Err(QueryError::Syntax { column, .. }) = Query::parse(&text) {
            prop_assert!(column <= text.chars().count() + 1);
        }
    }
}
