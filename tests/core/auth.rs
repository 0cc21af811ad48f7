//! Credentials: who is let in before the consumer hears of it, as whom, and for how long.

use std::{
    io::{Read, Write},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};

use aws_lc_rs::hmac;
use data_encoding::BASE64URL_NOPAD;
use ferrite::{
    config::{Auth, Config, Jwt, JwtKey, Limits, Secret},
    http::sample::handshake,
    port::{Accept, Announced, Audience, Event, Handshake, Interests, Outgoing, TagValue},
};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};

use crate::harness::{Client, Running, config, echo, wait};

const SECRET: &[u8] = b"a secret of the tests, and of nobody else";

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

fn token(claims: &Value) -> String {
    let part = |json: &Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let signed = format!("{}.{}", part(&json!({"alg": "HS256"})), part(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET), signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

fn jwt() -> Jwt {
    Jwt::new(JwtKey::Secret(Secret::new(SECRET)))
}

fn asking(jwt: Jwt, shards: usize) -> Config {
    Config { auth: vec![Auth::Jwt(jwt)], ..config(shards) }
}

fn client(server: &Running, token: &str) -> Result<Client, u16> {
    let request = format!("{}/?token={token}", server.address).into_client_request().unwrap();
    match tungstenite::client(request, server.socket()) {
        Ok((client, _)) => Ok(client),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
            Err(response.status().as_u16())
        }
        Err(other) => panic!("{other}"),
    }
}

fn stat(server: &Running, name: &str) -> i64 {
    server.hub.figures().into_iter().find(|figure| figure.name == name).unwrap().value
}

#[test]
fn who_has_a_token_is_let_in_with_what_it_says_and_others_never_reach_the_consumer() {
    for shards in [1, 2] {
        let server = Running::echo(asking(jwt(), shards));
        let claims = json!({"sub": "ann", "exp": now() + 60, "topics": ["lobby"], "tags": {"lang": "FR"}});
        let mut ann = client(&server, &token(&claims)).unwrap();
        ann.send("hello".into()).unwrap();
        assert_eq!(ann.read().unwrap().into_text().unwrap(), "hello");
        let found = |audience: Audience| server.hub.select(&audience).len();
        assert_eq!(found(Audience { users: Some(vec!["ann".into()]), ..Audience::default() }), 1);
        assert_eq!(found(Audience { topics: Some(vec!["lobby".into()]), ..Audience::default() }), 1);

        for bad in ["", "a.b.c", &token(&json!({"exp": now() - 60})), &token(&json!({"sub": "ann"}))] {
            assert_eq!(client(&server, bad).unwrap_err(), 401);
        }
        assert_eq!(stat(&server, "ferrite_handshakes_refused_total"), 4);
        let opened = |seen: &[Event]| seen.iter().filter(|event| matches!(event, Event::Open { .. })).count();
        assert_eq!(server.wait_for("an open", |seen| (opened(seen) > 0).then(|| opened(seen))), 1);
    }
}

#[test]
fn the_consumer_is_told_who_asks_and_decides_what_becomes_of_it() {
    let server = Running::start_with(asking(jwt(), 1), true, Duration::from_secs(5), |handle, event| {
        if let Event::Handshake { id, handshake } = event {
            let Handshake { identity, protocol, request } = &**handshake;
            let identity = identity.clone().unwrap();
            assert_eq!(identity.user.as_deref(), Some("ann"));
            assert_eq!(identity.tags, [("lang".into(), TagValue::from("FR"))]);
            assert!(identity.claims.contains("\"deep\":[1]"), "{}", identity.claims);
            assert!(!request.query_string().contains("eyJ"), "the token is still to be seen");
            handle.accept(*id, Accept::as_identified(Some(identity), protocol.clone()));
        }
        echo(handle, event);
    });
    let claims = json!({"sub": "ann", "exp": now() + 60, "tags": {"lang": "FR"}, "deep": [1]});
    let mut ann = client(&server, &token(&claims)).unwrap();
    ann.send("hello".into()).unwrap();
    assert_eq!(ann.read().unwrap().into_text().unwrap(), "hello");
    assert_eq!(client(&server, "").unwrap_err(), 401);
    let asked = server.seen.lock().unwrap().iter().filter(|e| matches!(e, Event::Handshake { .. })).count();
    assert_eq!(asked, 1);
}

#[test]
fn a_connection_ends_with_its_token_however_it_was_let_in() {
    let limits = Limits { close_timeout: Duration::from_millis(200), ..config(1).limits };
    for decided in [false, true] {
        let options = Jwt { leeway: Duration::from_secs(300), ..jwt() };
        let config = Config { limits: limits.clone(), ..asking(options, 1) };
        let server = Running::start_with(config, decided, Duration::from_secs(5), |handle, event| {
            if let Event::Handshake { id, .. } = event {
                handle.accept(*id, Accept::default());
            }
        });
        // Its time is over, and the leeway will be in a moment.
        let mut ending = client(&server, &token(&json!({"exp": now() - 299}))).unwrap();
        let mut lasting = client(&server, &token(&json!({"exp": now() - 200}))).unwrap();
        let frame = match ending.read().unwrap() {
            tungstenite::Message::Close(Some(frame)) => frame,
            other => panic!("{other:?}"),
        };
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (3000, "the token has expired"));
        // Its answer.
        while ending.read().is_ok() {}
        wait("the close", || (!server.closes().is_empty()).then_some(()));
        assert_eq!(server.closes(), [(3000, "the token has expired".to_owned())]);
        assert_eq!(stat(&server, "ferrite_tokens_expired_total"), 1);
        lasting.send(tungstenite::Message::Ping("x".into())).unwrap();
        assert!(lasting.read().unwrap().is_pong());
    }
}

#[test]
fn a_refusal_says_how_to_do_better_and_the_log_says_why_without_what_was_sent() {
    let server = Running::echo(asking(jwt(), 1));
    let forged = format!("{}x", token(&json!({"sub": "mallory", "exp": now() + 60})));
    for _ in 0..3 {
        let mut socket = server.socket();
        let head = handshake(&format!("/?token={forged}"), "");
        socket.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{answer}");
        assert!(answer.contains("\r\nWWW-Authenticate: Bearer error=\"invalid_token\"\r\n"), "{answer}");
        assert!(!answer.contains(&forged[..20]));
    }
    let record = server.wait_for("a log line", |seen| {
        seen.iter().find_map(|event| match event {
            Event::Log(record) if record.message.contains("401") => Some(record.clone()),
            _ => None,
        })
    });
    let context = format!("{:?}", record.context);
    assert_eq!(context, "[(\"reason\", \"the token's signature is wrong\")]");
    let lines = server.seen.lock().unwrap().iter().filter(|event| matches!(event, Event::Log(_))).count();
    assert_eq!(lines, 1, "one in ten seconds");
}

#[test]
fn a_page_of_another_site_is_refused_before_its_cookie_is_looked_at() {
    let server = Running::echo(asking(Jwt { cookie: Some("session".into()), ..jwt() }, 1));
    let good = token(&json!({"exp": now() + 60}));
    let asked = |origin: &str| {
        let mut request = server.address.as_str().into_client_request().unwrap();
        request.headers_mut().insert("Cookie", format!("session={good}").parse().unwrap());
        request.headers_mut().insert("Origin", origin.parse().unwrap());
        match tungstenite::client(request, server.socket()) {
            Ok(_) => 101,
            Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(response))) => {
                response.status().as_u16()
            }
            Err(other) => panic!("{other}"),
        }
    };
    let own = server.address.replacen("ws://", "http://", 1);
    assert_eq!(asked(own.trim_end_matches('/')), 101);
    assert_eq!(asked("https://evil.example"), 403);
}

#[test]
fn a_join_is_announced_while_the_consumer_is_busy() {
    for shards in [1, 2] {
        let held = Arc::new(AtomicBool::new(true));
        let hold = held.clone();
        let server = Running::start(asking(jwt(), shards), move |publisher, event| {
            if let Event::Message { .. } = event {
                // Something that it sent before comes before the join.
                publisher.publish("lobby", Outgoing::new(b"before", false), &[]).unwrap();
                wait("the test to let go", || (!hold.load(Ordering::SeqCst)).then_some(()));
            }
        });
        let topics = vec!["lobby".into()];
        server.hub.directory.announce(Announced { topics, to_clients: true, ..Announced::default() });
        let of = |user: &str| token(&json!({"sub": user, "exp": now() + 60, "topics": ["lobby"]}));
        let mut ann = client(&server, &of("ann")).unwrap();
        let mut text = || ann.read().unwrap().into_text().unwrap().to_string();
        assert_eq!(text(), r#"{"event":"join","topic":"lobby","user":"ann"}"#);
        let mut bob = client(&server, &of("bob")).unwrap();
        assert_eq!(text(), r#"{"event":"join","topic":"lobby","user":"bob"}"#);
        bob.send("hold".into()).unwrap();
        assert_eq!(text(), "before");
        let _cid = client(&server, &of("cid")).unwrap();
        assert_eq!(text(), r#"{"event":"join","topic":"lobby","user":"cid"}"#);
        held.store(false, Ordering::SeqCst);
    }
}

#[test]
fn the_consumer_gets_a_join_after_the_opening_that_caused_it() {
    for shards in [1, 3] {
        let interests = Interests { presence: true, ..Interests::default() };
        let config = asking(jwt(), shards);
        let server = Running::start_for(config, interests, Duration::from_secs(5), |_, _| {
            std::thread::sleep(Duration::from_micros(300));
        });
        let topics = vec!["lobby".into()];
        server.hub.directory.announce(Announced { topics, to_clients: true, ..Announced::default() });
        let clients: Vec<_> = (0..40)
            .map(|n| {
                let claims = json!({"sub": format!("user{n}"), "exp": now() + 60, "topics": ["lobby"]});
                client(&server, &token(&claims)).unwrap()
            })
            .collect();
        let joins = |seen: &[Event]| seen.iter().filter(|e| matches!(e, Event::Presence(_))).count();
        server.wait_for("all to have joined", |seen| (joins(seen) == clients.len()).then_some(()));
        let mut open = Vec::new();
        for event in &*server.seen.lock().unwrap() {
            match event {
                Event::Open { id, .. } => open.push(*id),
                Event::Presence(change) => assert!(open.contains(&change.connection), "a join came early"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_connection_keeps_its_request_if_the_consumer_wants_it() {
    for kept_requests in [false, true] {
        let interests = Interests { kept_requests, handshakes: true, ..Interests::default() };
        let kept = Arc::new(Mutex::new(None));
        let seen = kept.clone();
        let server =
            Running::start_for(config(1), interests, Duration::from_secs(5), move |publisher, event| {
                match event {
                    Event::Handshake { id, .. } => publisher.accept(*id, Accept::default()),
                    Event::Open { id, .. } => {
                        let request = publisher.connection(*id).unwrap().request();
                        *seen.lock().unwrap() = Some(request.map(|request| request.path().to_owned()));
                    }
                    _ => {}
                }
            });
        let request = format!("{}/a/path", server.address).into_client_request().unwrap();
        let _client = tungstenite::client(request, server.socket()).unwrap();
        let path = wait("the opening", || kept.lock().unwrap().clone());
        assert_eq!(path.as_deref(), kept_requests.then_some("/a/path"));
    }
}
