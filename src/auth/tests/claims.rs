//! The conditions under which a token is good, and the identity that it gives.

use super::*;
use crate::queue::TagValue;

fn reason(options: &Jwt, claims: &Value) -> Reason {
    brought(options, &signed(claims)).unwrap_err()
}

fn bad(name: &str) -> Reason {
    Reason::Claim(name.to_owned())
}

#[test]
fn a_token_ends_when_its_time_and_the_leeway_are_over() {
    let authenticator = authenticator(&[Auth::Jwt(secret())]);
    let request = request(&format!("/?token={}", signed(&json!({"exp": NOW}))), "");
    let judged = |now| authenticator.authenticate(&request, at(now));
    let until = judged(NOW + 29).unwrap().until;
    assert_eq!(until, Some(Duration::from_secs(NOW + 30)));
    assert_eq!(*judged(NOW + 30).unwrap_err().reason(), Reason::Expired);
}

#[test]
fn a_token_without_an_end_is_refused_unless_that_is_allowed() {
    assert_eq!(reason(&secret(), &json!({"sub": "ann"})), Reason::NoExpiry);
    let lax = Jwt { require_expiry: false, ..secret() };
    let accepted = brought(&lax, &signed(&json!({"sub": "ann"}))).unwrap();
    assert_eq!(accepted.until, None);
    assert_eq!(reason(&lax, &json!({"exp": NOW - 60})), Reason::Expired);
    for endless in [json!(1e300), json!(u64::MAX)] {
        assert!(brought(&secret(), &signed(&json!({"exp": endless}))).is_ok());
    }
    let kept = Jwt { close_on_expiry: false, ..secret() };
    assert_eq!(brought(&kept, &signed(&good())).unwrap().until, None);
}

#[test]
fn a_token_from_the_future_is_refused() {
    let with = |name: &str, time: u64| json!({"exp": NOW + 60, name: time});
    for (name, why) in [("nbf", Reason::NotYet), ("iat", Reason::FromTheFuture)] {
        assert!(brought(&secret(), &signed(&with(name, NOW + 30))).is_ok(), "{name}: within the leeway");
        assert_eq!(reason(&secret(), &with(name, NOW + 31)), why);
        let exact = Jwt { leeway: Duration::ZERO, ..secret() };
        assert_eq!(reason(&exact, &with(name, NOW + 1)), why);
    }
}

#[test]
fn a_time_that_is_no_number_is_refused_and_never_left_out() {
    for name in ["exp", "nbf", "iat"] {
        for value in [json!("1800000060"), json!([]), json!(true), json!({})] {
            let mut claims = good();
            claims[name] = value.clone();
            assert_eq!(reason(&secret(), &claims), bad(name), "{name} {value}");
        }
    }
    assert!(brought(&secret(), &signed(&json!({"exp": NOW as f64 + 0.5}))).is_ok());
    assert_eq!(reason(&secret(), &json!({"exp": -1})), Reason::Expired);
}

#[test]
fn a_token_for_others_is_refused() {
    let wanted = Jwt { audience: vec!["chat".into(), "game".into()], ..secret() };
    let with = |audience: Value| json!({"exp": NOW + 60, "aud": audience});
    for fits in [json!("chat"), json!(["x", "game"])] {
        assert!(brought(&wanted, &signed(&with(fits))).is_ok());
    }
    for other in [json!("Chat"), json!("chat "), json!([]), json!(["x"])] {
        assert_eq!(reason(&wanted, &with(other)), Reason::Audience);
    }
    assert_eq!(reason(&wanted, &good()), Reason::Audience);
    for other in [json!(null), json!({}), json!([null]), json!({"1": "x"}), json!(["x", 1])] {
        assert_eq!(reason(&wanted, &with(other)), Reason::Audience);
    }
    for wrong in [json!(1), json!(true), json!({"chat": 1}), json!({"chat": "chat"}), json!(["chat", 1.5])] {
        assert_eq!(reason(&wanted, &with(wrong)), bad("aud"));
    }
    // A server that a token with audiences does not name must refuse it.
    assert_eq!(reason(&secret(), &with(json!("chat"))), Reason::Audience);
}

#[test]
fn a_token_by_others_is_refused() {
    let wanted = Jwt { issuer: Some("https://login.example".into()), ..secret() };
    let with = |issuer: Value| json!({"exp": NOW + 60, "iss": issuer});
    assert!(brought(&wanted, &signed(&with(json!("https://login.example")))).is_ok());
    for other in [json!("https://login.example/"), json!(["https://login.example"]), json!(null)] {
        assert_eq!(reason(&wanted, &with(other)), Reason::Issuer);
    }
    assert_eq!(reason(&wanted, &good()), Reason::Issuer);
    assert!(brought(&secret(), &signed(&with(json!("anybody")))).is_ok());
}

#[test]
fn claims_become_user_topics_and_tags() {
    let claims = json!({
        "sub": "ann", "exp": NOW + 60, "topics": ["lobby", "room:1", "lobby"], "tags": {"lang": "FR", "level": -3},
        "deep": {"er": [1.5, true]},
    });
    let identity = brought(&secret(), &signed(&claims)).unwrap().identity;
    assert_eq!(identity.user.as_deref(), Some("ann"));
    assert_eq!(identity.topics.iter().map(|topic| &**topic).collect::<Vec<_>>(), ["lobby", "room:1"]);
    let tags: Vec<_> = identity.tags.iter().map(|(name, value)| (&**name, value.clone())).collect();
    assert_eq!(tags, [("lang", TagValue::from("FR")), ("level", TagValue::from(-3))]);
    assert_eq!(serde_json::from_str::<Value>(&identity.claims).unwrap(), claims);
}

#[test]
fn what_is_passed_on_is_what_the_issuer_wrote() {
    // Read as a float and written again it would be 1.1000000000000001e51.
    let claims =
        format!("{{ \"exp\": {}, \"n\": 11e50, \"big\": 123456789012345678901, \"n\": 11e50}}", NOW + 60);
    let signed = format!("{}.{}", b64("{\"alg\":\"HS256\"}"), b64(&claims));
    let token = format!("{signed}.{}", b64(hs256(SECRET)(signed.as_bytes())));
    assert_eq!(*brought(&secret(), &token).unwrap().identity.claims, *claims);
}

#[test]
fn the_names_of_the_claims_can_be_chosen_or_left_out() {
    let claims =
        json!({"sub": 7, "exp": NOW + 60, "name": "ann", "rooms": ["a"], "topics": "not a list", "tags": 1});
    let options = Jwt {
        user_claim: Some("name".into()),
        topics_claim: Some("rooms".into()),
        tags_claim: None,
        ..secret()
    };
    let identity = brought(&options, &signed(&claims)).unwrap().identity;
    assert_eq!((identity.user.as_deref(), identity.topics.len(), identity.tags.len()), (Some("ann"), 1, 0));
    let nothing = Jwt { user_claim: None, topics_claim: None, tags_claim: None, ..secret() };
    assert_eq!(brought(&nothing, &signed(&claims)).unwrap().identity.user, None);
    let absent = brought(&secret(), &signed(&json!({"exp": NOW + 60, "sub": null}))).unwrap().identity;
    assert_eq!((absent.user, absent.topics.len(), absent.tags.len()), (None, 0, 0));
}

#[test]
fn a_claim_that_cannot_be_used_is_named() {
    let with = |name: &str, value: Value| json!({"exp": NOW + 60, name: value});
    let number = brought(&secret(), &signed(&with("sub", json!(42)))).unwrap();
    assert_eq!(number.identity.user.as_deref(), Some("42"), "the number of a row");
    for (name, values) in [
        ("sub", vec![json!(""), json!(1.5), json!(true), json!(["ann"]), json!({"a": 1}), json!([])]),
        (
            "topics",
            vec![
                json!("a b"),
                json!(""),
                json!(1),
                json!([1.5]),
                json!([true]),
                json!([["lobby"]]),
                json!({"0": "a", "b": "c"}),
                json!({"lobby": true}),
                json!({"01": "a"}),
                json!({"-1": "a"}),
                json!(["a b"]),
                json!([""]),
                json!({"a": 1}),
                json!(["1", "2", "3", "4"]),
            ],
        ),
        (
            "tags",
            vec![
                json!(["a"]),
                json!("a"),
                json!({"a": true}),
                json!({"a": 1.5}),
                json!({"a": ["b"]}),
                json!({"a": {"0": "b"}}),
                json!([null, "a"]),
                json!({"": 1}),
                json!({"a": u64::MAX}),
                json!({"a": 1, "b": 1, "c": 1, "d": 1}),
            ],
        ),
    ] {
        for value in values {
            assert_eq!(reason(&secret(), &with(name, value.clone())), bad(name), "{name}: {value}");
        }
    }
    assert_eq!(bad("topics").to_string(), "the token's claim topics cannot be used");
}

/// The forms in which `json_encode()` writes PHP's values.
#[test]
fn claims_as_php_writes_them_lock_nobody_out_and_grant_nothing_more() {
    let judged = |name: &str, value: Value| {
        let claims = json!({"exp": NOW + 60, "sub": "ann", name: value});
        brought(&secret(), &signed(&claims)).unwrap_or_else(|why| panic!("{claims}: {why}")).identity
    };
    // `[]`, `(object) []`, null, and null for each of them.
    for nothing in [json!([]), json!({}), json!(null), json!({"a": null}), json!({"a": [], "b": {}})] {
        assert_eq!(judged("tags", nothing.clone()).tags, [], "{nothing}");
    }
    for nothing in [json!([]), json!({}), json!(null), json!([null]), json!({"3": null})] {
        assert_eq!(judged("topics", nothing.clone()).topics, [], "{nothing}");
    }
    // `array_filter()`, `array_unique()` and `unset()` leave gaps; ids of rows are numbers.
    for (value, topics) in [
        (json!({"0": "a", "2": "b"}), vec!["a", "b"]),
        (json!({"10": "b", "9": "a"}), vec!["a", "b"]),
        (json!(["a", null, "b"]), vec!["a", "b"]),
        (json!([7, "7", 8]), vec!["7", "8"]),
        (json!("lobby"), vec!["lobby"]),
    ] {
        let found: Vec<_> = judged("topics", value.clone()).topics.iter().map(ToString::to_string).collect();
        assert_eq!(found, topics, "{value}");
    }
    let tags = judged("tags", json!({"lang": "fr", "level": 3, "plan": null})).tags;
    let tags: Vec<_> = tags.iter().map(|(name, value)| (&**name, value.clone())).collect();
    assert_eq!(tags, [("lang", TagValue::from("fr")), ("level", TagValue::from(3))]);
    // Numbers as names, as PHP's arrays have them.
    assert_eq!(judged("tags", json!({"7": "a"})).tags.len(), 1);
    assert_eq!(judged("sub", json!(u64::MAX)).user.as_deref(), Some("18446744073709551615"));
}

#[test]
fn an_audience_as_php_writes_it_means_the_same() {
    let wanted = Jwt { audience: vec!["chat".into(), "7".into()], ..secret() };
    let with = |audience: Value| signed(&json!({"exp": NOW + 60, "aud": audience}));
    for fits in [json!({"1": "chat"}), json!({"0": "x", "2": "chat"}), json!([null, "chat"]), json!([7])] {
        assert!(brought(&wanted, &with(fits.clone())).is_ok(), "{fits}");
    }
    // Without an audience no server is shut out; a required audience is missing.
    for nobody in [json!(null), json!([]), json!({}), json!([null])] {
        assert!(brought(&secret(), &with(nobody.clone())).is_ok(), "{nobody}");
        assert_eq!(brought(&wanted, &with(nobody)), Err(Reason::Audience));
    }
    assert_eq!(brought(&secret(), &with(json!(""))), Err(Reason::Audience));
}

#[test]
fn a_time_that_is_null_is_no_time() {
    let with = |name: &str| {
        let mut claims = good();
        claims[name] = json!(null);
        claims
    };
    assert!(brought(&secret(), &signed(&with("nbf"))).is_ok());
    assert!(brought(&secret(), &signed(&with("iat"))).is_ok());
    assert_eq!(reason(&secret(), &with("exp")), Reason::NoExpiry);
    let lax = Jwt { require_expiry: false, ..secret() };
    assert_eq!(brought(&lax, &signed(&with("exp"))).unwrap().until, None);
    // `microtime(true) + 60`.
    assert!(brought(&secret(), &signed(&json!({"exp": NOW as f64 + 60.123_456}))).is_ok());
}

#[test]
fn a_token_without_claims_may_be_an_empty_list() {
    let signed = format!("{}.{}", b64("{\"alg\":\"HS256\",\"kid\":null}"), b64("[]"));
    let token = format!("{signed}.{}", b64(hs256(SECRET)(signed.as_bytes())));
    assert_eq!(brought(&secret(), &token), Err(Reason::NoExpiry));
    let lax = Jwt { require_expiry: false, ..secret() };
    assert_eq!(brought(&lax, &token).unwrap().identity.user, None);
}
