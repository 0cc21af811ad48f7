//! The protocol of gomoob/php-websocket-server over real sockets: to whom a message goes.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ferrite::{
    config::{Config, Gomoob, Protocol},
    http::sample::handshake,
    port::Interests,
    protocol::gomoob::{Frame, Message, encode, forward},
    queue::Event,
};
use serde_json::Value as Json;
use tokio_tungstenite::tungstenite;

use crate::harness::{Client, Running, config, wait};

/// What was observed on the original.
const VECTORS: &str = include_str!("../package/gomoob/vectors.json");

/// A server of the protocol that says to how many each message was addressed.
fn server(shards: usize, legacy: bool) -> (Running, Arc<Mutex<Vec<usize>>>) {
    let addressed = Arc::new(Mutex::new(Vec::new()));
    let log = addressed.clone();
    let options = Config { protocol: Some(Protocol::Gomoob(Gomoob::default())), ..config(shards) };
    // As a script with `onMessage` is: it sees each message before it is forwarded.
    let interests = Interests { messages: true, ..Interests::default() };
    let server = Running::start_for(options, interests, Duration::from_secs(5), move |handle, event| {
        if let Event::Message { payload, .. } = event {
            let Frame { message: Message::Text(text), tags } = Frame::read(payload, false).unwrap() else {
                panic!("no text")
            };
            let count = forward(handle, &tags, &encode(&text), legacy).unwrap();
            log.lock().unwrap().push(count);
        }
    });
    (server, addressed)
}

fn connect(server: &Running, query: &str) -> Client {
    tungstenite::client(format!("{}/?{query}", server.address), server.socket()).unwrap().0
}

/// The tags of each query as they are written there: their order means something, and a parsed object does not keep it.
fn queries() -> Vec<String> {
    let texts = VECTORS.split("\"tags\":").skip(1).take_while(|rest| rest.contains("\"strict_and\""));
    texts.map(|rest| format!("{}}}", rest.split('}').next().unwrap())).collect()
}

#[test]
fn messages_go_to_whom_the_original_says_and_in_legacy_mode_to_whom_it_sent_them() {
    let vectors: Json = serde_json::from_str(VECTORS).unwrap();
    for (shards, legacy) in [(1, false), (1, true), (3, false), (3, true)] {
        let (server, addressed) = server(shards, legacy);
        let connections = vectors["connections"].as_object().unwrap();
        let mut clients: BTreeMap<_, _> = connections
            .iter()
            .map(|(name, tags)| {
                // As a browser writes it.
                let tags = tags.to_string().replace('"', "%22");
                (name.as_str(), connect(&server, &format!("tags={tags}")))
            })
            .collect();
        let (mut expected, mut differ) = (BTreeMap::<&str, Vec<String>>::new(), 0);
        for (query, text) in vectors["queries"].as_array().unwrap().iter().zip(queries()) {
            assert_eq!(serde_json::from_str::<Json>(&text).unwrap(), query["tags"]);
            let name = if legacy { "legacy" } else { "strict_and" };
            let names: Vec<_> =
                query[name].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
            for name in &names {
                expected.entry(name).or_default().push(encode(&text));
            }
            let frame = serde_json::json!({ "message": text, "metadata": {} }).to_string();
            let frame = format!("{},\"tags\":{text}}}", frame.strip_suffix('}').unwrap());
            let sender = clients.get_mut("A").unwrap();
            sender.send(tungstenite::Message::text(frame)).unwrap();
            differ += usize::from(query["differs"].as_bool().unwrap());
        }
        // Everybody, in the order of the sender: what comes before it is all that was meant for each.
        clients.get_mut("A").unwrap().send(tungstenite::Message::text(r#"{"message":"over"}"#)).unwrap();
        for (name, client) in &mut clients {
            let texts = std::iter::from_fn(|| {
                let text = client.read().unwrap().into_text().unwrap();
                (text.as_str() != "\"over\"").then(|| text.to_string())
            });
            let texts: Vec<_> = texts.collect();
            assert_eq!(texts, expected.remove(name).unwrap_or_default(), "{name}, legacy: {legacy}");
        }
        let counts = addressed.lock().unwrap().clone();
        let wanted = vectors["queries"].as_array().unwrap().iter();
        let wanted =
            wanted.map(|query| query[if legacy { "legacy" } else { "strict_and" }].as_array().unwrap().len());
        assert_eq!(counts, wanted.chain([connections.len()]).collect::<Vec<_>>());
        assert_eq!(differ, 3);
    }
}

#[test]
fn a_client_whose_tags_cannot_be_read_is_refused_before_the_upgrade() {
    let (server, _) = server(1, false);
    let refused = tungstenite::client(format!("{}/?tags=abc", server.address), server.socket()).unwrap_err();
    assert!(refused.to_string().contains("400"), "{refused}");
    // Also as a client writes it that does not escape anything.
    server.raw_with(handshake(r#"/?tags={"a":1}"#, "").as_bytes());
    server
        .wait_for("the open", |seen| seen.iter().find_map(|e| matches!(e, Event::Open { .. }).then_some(())));
}

#[test]
fn a_message_is_forwarded_while_the_consumer_is_busy() {
    for shards in [1, 3] {
        let (busy, held) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(true)));
        let (told, hold) = (busy.clone(), held.clone());
        let options = Config { protocol: Some(Protocol::Gomoob(Gomoob::default())), ..config(shards) };
        let server = Running::start(options, move |_, event| {
            // A frame that cannot be forwarded is the consumer's, which is stuck with it.
            if matches!(event, Event::Message { .. }) {
                told.store(true, Ordering::SeqCst);
                wait("the test to let go", || (!hold.load(Ordering::SeqCst)).then_some(()));
            }
        });
        let [mut stuck, mut sender, mut receiver] =
            ["tags={}", "tags={}", "tags={%22a%22:1}"].map(|query| connect(&server, query));
        stuck.send(tungstenite::Message::text("no frame")).unwrap();
        wait("the consumer to be busy", || busy.load(Ordering::SeqCst).then_some(()));
        for n in 0..100 {
            let frame = format!(r#"{{"message":"{n}","tags":{{"a":1}}}}"#);
            sender.send(tungstenite::Message::text(frame)).unwrap();
        }
        for n in 0..100 {
            assert_eq!(receiver.read().unwrap().to_text().unwrap(), format!("\"{n}\""));
        }
        let messages = |event: &Event| matches!(event, Event::Message { .. });
        assert_eq!(server.seen.lock().unwrap().iter().filter(|event| messages(event)).count(), 0);
        held.store(false, Ordering::SeqCst);
    }
}

#[test]
fn messages_of_one_client_keep_their_order_whoever_forwards_them() {
    for shards in [1, 3] {
        let options = Config {
            protocol: Some(Protocol::Gomoob(Gomoob { parses: true, ..Gomoob::default() })),
            ..config(shards)
        };
        // An array is the consumer's to parse; here it forwards its length, after a while.
        let server = Running::start(options, |publisher, event| {
            if let Event::Message { payload, .. } = event {
                let Frame { message, tags } = Frame::read(payload, true).unwrap();
                std::thread::sleep(Duration::from_millis(2));
                let text = match message {
                    Message::Text(text) => text,
                    Message::Array => "array".to_owned(),
                };
                forward(publisher, &tags, &encode(&text), false).unwrap();
            }
        });
        let (mut sender, mut receiver) = (connect(&server, "tags={}"), connect(&server, "tags={%22a%22:1}"));
        for n in 0..60 {
            let message = if n % 3 == 0 { "[1]".to_owned() } else { format!("\"{n}\"") };
            let frame = format!(r#"{{"message":{message},"tags":{{"a":1}}}}"#);
            sender.send(tungstenite::Message::text(frame)).unwrap();
        }
        for n in 0..60 {
            let expected = if n % 3 == 0 { "\"array\"".to_owned() } else { format!("\"{n}\"") };
            assert_eq!(receiver.read().unwrap().to_text().unwrap(), expected, "{shards} shards");
        }
    }
}
