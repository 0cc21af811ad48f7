//! Messages in, messages out, topics, and handshakes that the consumer decides about.

use std::time::Duration;

use ferrite::{
    port::{Outgoing, SendResult},
    queue::{Accept, ConnectionId, Event, Reject},
};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::harness::{Running, config, wait};

#[test]
fn messages_come_back_in_order_with_1_and_3_shards() {
    for shards in [1, 3] {
        let server = Running::echo(config(shards));
        let clients: Vec<_> = (0..8)
            .map(|number| {
                let mut client = server.client();
                std::thread::spawn(move || {
                    for round in 0..20 {
                        for n in 0..50 {
                            client.write(Message::text(format!("{number} {round} {n}"))).unwrap();
                        }
                        client.flush().unwrap();
                        for n in 0..50 {
                            let text = client.read().unwrap().into_text().unwrap();
                            assert_eq!(text.as_str(), format!("{number} {round} {n}"));
                        }
                    }
                    client.close(None).unwrap();
                    while client.read().is_ok() {}
                })
            })
            .collect();
        clients.into_iter().for_each(|client| client.join().unwrap());
        server.wait_for("every close", |seen| {
            (seen.iter().filter(|e| matches!(e, Event::Close { .. })).count() == 8).then_some(())
        });
        assert!(server.closes().iter().all(|(code, _)| *code == 1005), "{:?}", server.closes());
        server.stop();
    }
}

#[test]
fn every_size_of_message_survives() {
    let server = Running::echo(config(1));
    let mut client = server.client();
    for size in [0, 1, 125, 126, 4096, 65_535, 65_536, 200_000, 1 << 20] {
        let payload: Vec<u8> = (0..size).map(|n| (n % 251) as u8).collect();
        client.send(Message::binary(payload.clone())).unwrap();
        assert!(client.read().unwrap().into_data() == payload, "{size} bytes");
    }
}

#[test]
fn of_one_connection_events_come_as_open_messages_close() {
    let server = Running::start(config(3), |_, _| {});
    let ids: Vec<_> = (0..20)
        .map(|n| {
            let mut client = server.client();
            for m in 0..n {
                client.send(Message::text(m.to_string())).unwrap();
            }
            client.close(None).unwrap();
            while client.read().is_ok() {}
        })
        .collect();
    server.wait_for("every close", |seen| {
        (seen.iter().filter(|e| matches!(e, Event::Close { .. })).count() == ids.len()).then_some(())
    });
    let seen = server.seen.lock().unwrap();
    let opened: Vec<ConnectionId> =
        seen.iter().filter_map(|e| if let Event::Open { id, .. } = e { Some(*id) } else { None }).collect();
    assert_eq!(opened.len(), 20);
    for own in opened {
        let mut story = Vec::new();
        for event in seen.iter() {
            match event {
                Event::Open { id, opened } if *id == own => {
                    assert!(opened.request.is_some());
                    story.push("open".to_owned());
                }
                Event::Message { id, payload, .. } if *id == own => {
                    story.push(String::from_utf8(payload.to_vec()).unwrap());
                }
                Event::Close { id, .. } if *id == own => story.push("close".to_owned()),
                _ => {}
            }
        }
        let messages = story.len() - 2;
        let expected: Vec<_> = std::iter::once("open".to_owned())
            .chain((0..messages).map(|m| m.to_string()))
            .chain(std::iter::once("close".to_owned()))
            .collect();
        assert_eq!(story, expected);
    }
}

#[test]
fn publish_reaches_subscribers_and_broadcast_everybody_but_the_excepted() {
    for shards in [1, 3] {
        let server = Running::start(config(shards), |handle, event| {
            let Event::Message { id, payload, .. } = event else { return };
            let member = handle.connection(*id).unwrap();
            match &payload[..] {
                b"join" => handle.subscribe(&member, &["room", "room", "other"]).unwrap(),
                b"leave" => handle.unsubscribe(&member, &["room"]),
                b"publish" => {
                    let count = handle.publish("room", Outgoing::new(b"to the room", false), &[*id]).unwrap();
                    handle.send(&member, Outgoing::new(count.to_string().as_bytes(), false)).unwrap();
                }
                _ => {
                    let count = handle.broadcast(Outgoing::new(payload, true), &[*id]).unwrap();
                    handle.send(&member, Outgoing::new(count.to_string().as_bytes(), false)).unwrap();
                }
            }
        });
        let mut clients: Vec<_> = (0..6).map(|_| server.client()).collect();
        for client in &mut clients[..4] {
            client.send(Message::text("join")).unwrap();
        }
        clients[3].send(Message::text("leave")).unwrap();
        wait("three subscribers", || server.hub.directory.topic("room").filter(|(_, n)| *n == 3));
        clients[0].send(Message::text("publish")).unwrap();
        assert_eq!(clients[0].read().unwrap().to_text().unwrap(), "2");
        for client in &mut clients[1..3] {
            assert_eq!(client.read().unwrap().to_text().unwrap(), "to the room");
        }
        clients[5].send(Message::text("all")).unwrap();
        assert_eq!(clients[5].read().unwrap().to_text().unwrap(), "5");
        for client in &mut clients[..5] {
            assert_eq!(client.read().unwrap(), Message::binary(&b"all"[..]));
        }
        drop(clients);
        wait("topics to be forgotten", || (server.hub.directory.topics() == 0).then_some(()));
    }
}

#[test]
fn the_consumer_decides_about_handshakes_at_once_or_later() {
    let mut waiting: Vec<ConnectionId> = Vec::new();
    let server = Running::start_with(config(1), true, Duration::from_secs(5), move |handle, event| {
        match event {
            Event::Handshake { id, handshake } => match handshake.request.path() {
                "/yes" => {
                    let accept = Accept {
                        user: Some("alice".to_owned()),
                        topics: vec!["room".into()],
                        headers: vec![("X-Greeting".to_owned(), b"hello".to_vec())],
                        ..Accept::default()
                    };
                    handle.accept(*id, accept);
                    // In the order they were made: the new connection is in the room by then.
                    handle.publish("room", Outgoing::new(b"welcome", false), &[]).unwrap();
                }
                "/no" => {
                    handle.reject(*id, Reject { status: 403, body: b"go away".to_vec(), headers: vec![] })
                }
                _ => waiting.push(*id),
            },
            Event::Message { .. } => waiting.drain(..).for_each(|id| handle.accept(id, Accept::default())),
            Event::Open { opened, .. } => assert!(opened.request.is_none()),
            _ => {}
        }
    });
    let connect = |path: &str| {
        tungstenite::client(format!("{}{path}", server.address), server.socket()).map_err(|e| e.to_string())
    };
    let (mut yes, response) = connect("/yes").unwrap();
    assert_eq!(response.headers()["x-greeting"], "hello");
    assert_eq!(yes.read().unwrap().to_text().unwrap(), "welcome");
    let refused = connect("/no").unwrap_err();
    assert!(refused.contains("403"), "{refused}");
    std::thread::scope(|scope| {
        let later = scope.spawn(|| connect("/later").unwrap());
        server.wait_for("the deferred handshake", |seen| {
            (seen.iter().filter(|e| matches!(e, Event::Handshake { .. })).count() == 3).then_some(())
        });
        yes.send(Message::text("let them in")).unwrap();
        later.join().unwrap();
    });
}

#[test]
fn a_handshake_that_nobody_decides_about_is_503_after_ten_seconds() {
    let server = Running::start_with(config(1), true, Duration::from_secs(5), |_, _| {});
    let began = std::time::Instant::now();
    let refused = tungstenite::client(server.address.as_str(), server.socket()).unwrap_err().to_string();
    assert!(refused.contains("503") && began.elapsed() >= Duration::from_secs(10), "{refused}");
    server.wait_for("PHP to hear that nobody waits", |seen| {
        seen.iter().find_map(|e| matches!(e, Event::HandshakeGone { .. }).then_some(()))
    });
    assert!(server.closes().is_empty());
}

#[test]
fn a_send_to_a_connection_that_is_gone_is_closed_and_no_error() {
    let mut gone = None;
    let server = Running::start(config(1), move |handle, event| match event {
        Event::Open { id, .. } if gone.is_none() => gone = handle.connection(*id),
        Event::Message { id, .. } => {
            let member = handle.connection(*id).unwrap();
            let result = handle.send(gone.as_ref().unwrap(), Outgoing::new(b"hello?", false)).unwrap();
            assert_eq!(result, SendResult::Closed);
            handle.send(&member, Outgoing::new(b"closed", false)).unwrap();
        }
        _ => {}
    });
    drop(server.client());
    server.wait_for("the close", |seen| {
        seen.iter().find_map(|e| matches!(e, Event::Close { .. }).then_some(()))
    });
    let mut other = server.client();
    other.send(Message::text("try")).unwrap();
    assert_eq!(other.read().unwrap().to_text().unwrap(), "closed");
}

#[test]
fn a_unix_socket_serves_too() {
    let path = std::env::temp_dir().join(format!("ferrite-core-{}.sock", std::process::id()));
    let mut options = config(3);
    options.listen = vec![ferrite::config::Address::Unix { path: path.clone() }.into()];
    let server = Running::echo(options);
    assert_eq!(server.address, format!("ws+unix://{}", path.display()));
    let socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
    let (mut client, _) = tungstenite::client("ws://localhost/", socket).unwrap();
    client.send(Message::text("over a file")).unwrap();
    assert_eq!(client.read().unwrap().to_text().unwrap(), "over a file");
    drop(client);
    server.stop();
    assert!(!path.exists(), "the socket file outlived its server");
}
