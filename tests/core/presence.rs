//! Who is in a topic, while users come and go with several connections each.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::net::UnixStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ferrite::{
    config::{Config, Control},
    metrics::Figure,
    port::{Announced, Outgoing},
    queue::{Accept, Event},
};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::{
    control::request,
    harness::{Client, Running, config, wait},
};

/// Whoever asks for `/ann` is ann and in the room.
fn room(shards: usize) -> Running {
    room_with(config(shards), Arc::default())
}

/// The same; whoever says "hold" holds the consumer up while `held` is set.
fn room_with(config: Config, held: Arc<AtomicBool>) -> Running {
    let server =
        Running::start_with(config, true, Duration::from_secs(5), move |handle, event| match event {
            Event::Handshake { id, handshake } => {
                let name = handshake.request.path().trim_start_matches('/');
                let user = (!name.is_empty()).then(|| name.to_owned());
                handle.accept(*id, Accept { user, topics: vec!["room".into()], ..Accept::default() });
            }
            Event::Message { id, payload, .. } => {
                let member = handle.connection(*id).unwrap();
                match &payload[..] {
                    b"hold" => {
                        while held.load(Ordering::SeqCst) {
                            std::thread::sleep(Duration::from_millis(1));
                        }
                    }
                    b"out" => handle.unsubscribe(&member, &["room"]),
                    b"in" => handle.subscribe(&member, &["room"]).unwrap(),
                    text => drop(handle.publish("room", Outgoing::new(text, false), &[]).unwrap()),
                }
            }
            _ => {}
        });
    let topics = vec!["room".into()];
    server.hub.directory.announce(Announced { topics, to_clients: true, ..Announced::default() });
    server
}

fn enter(server: &Running, name: &str) -> Client {
    tungstenite::client(format!("{}/{name}", server.address), server.socket()).unwrap().0
}

/// What a client hears of joins and leaves until somebody says that it is over: how many joins of each user, and who is
/// there at the end. Fails if a user joins twice or leaves without having joined.
fn listen(client: &mut Client) -> (BTreeMap<String, usize>, BTreeSet<String>) {
    let (mut joins, mut there) = (BTreeMap::new(), BTreeSet::new());
    loop {
        let text = client.read().unwrap().into_text().unwrap();
        if text.as_str() == "over" {
            return (joins, there);
        }
        let message: BTreeMap<String, String> = serde_json::from_str(&text).unwrap();
        assert_eq!((message["topic"].as_str(), message.len()), ("room", 3), "{text}");
        let user = &message["user"];
        match message["event"].as_str() {
            "join" => {
                *joins.entry(user.clone()).or_default() += 1;
                assert!(there.insert(user.clone()), "{user} joined twice");
            }
            _ => assert!(there.remove(user), "{user} left and was not there"),
        }
    }
}

#[test]
fn two_tabs_of_a_user_come_and_go_as_one() {
    for shards in [1, 3] {
        let server = room(shards);
        let mut guest = enter(&server, "");
        let [mut first, mut second] = [enter(&server, "ann"), enter(&server, "ann")];
        assert_eq!(
            guest.read().unwrap().to_text().unwrap(),
            r#"{"event":"join","topic":"room","user":"ann"}"#
        );
        wait("both to be there", || (server.hub.presence("room").connections == 3).then_some(()));
        assert_eq!(server.hub.presence("room").users, ["ann".into()]);
        first.send(Message::text("out")).unwrap();
        wait("one to leave", || (server.hub.presence("room").connections == 2).then_some(()));
        first.send(Message::text("in")).unwrap();
        wait("it to come back", || (server.hub.presence("room").connections == 3).then_some(()));
        // One goes in order, the other without a word.
        first.close(None).unwrap();
        wait("the first to go", || (server.hub.presence("room").connections == 2).then_some(()));
        guest.send(Message::text("nothing was told")).unwrap();
        assert_eq!(guest.read().unwrap().to_text().unwrap(), "nothing was told");
        second.send(Message::text("bye")).unwrap();
        drop(second);
        assert_eq!(guest.read().unwrap().to_text().unwrap(), "bye");
        assert_eq!(
            guest.read().unwrap().to_text().unwrap(),
            r#"{"event":"leave","topic":"room","user":"ann"}"#
        );
        assert_eq!(server.hub.presence("room").users, []);
    }
}

#[test]
fn who_is_closed_by_another_program_leaves_after_what_it_had_said() {
    for shards in [1, 3] {
        let path =
            std::env::temp_dir().join(format!("ferrite-presence-{}-{shards}.sock", std::process::id()));
        let control = Control::parse(&[format!("unix://{}", path.display())]).unwrap();
        let held = Arc::new(AtomicBool::new(true));
        let server = room_with(Config { control, ..config(shards) }, held.clone());
        let (mut guest, mut bob) = (enter(&server, ""), enter(&server, "bob"));
        assert!(guest.read().unwrap().to_text().unwrap().contains("join"));
        guest.send(Message::text("hold")).unwrap();
        bob.send(Message::text("last words")).unwrap();
        wait("both to be on their way", || {
            let figure = |figure: &Figure| figure.name == "ferrite_messages_received_total";
            server.hub.figures().into_iter().any(|f| figure(&f) && f.value == 2).then_some(())
        });
        let order = br#"{"to": {"users": ["bob"]}}"#;
        let answer =
            request(&mut UnixStream::connect(path).unwrap(), "POST", "/v1/close", &[], order).unwrap();
        assert_eq!((answer.0, &answer.1["connections"]), (200, &1.into()));
        held.store(false, Ordering::SeqCst);
        assert_eq!(guest.read().unwrap().to_text().unwrap(), "last words");
        drop(bob);
        assert!(guest.read().unwrap().to_text().unwrap().contains("leave"));
    }
}

#[test]
fn every_listener_hears_the_same_whatever_comes_and_goes_at_once() {
    const USERS: [&str; 3] = ["ann", "bob", "cid"];
    for shards in [1, 3] {
        let server = room(shards);
        let mut listeners = [enter(&server, ""), enter(&server, "")];
        std::thread::scope(|scope| {
            for visitor in 0..6 {
                let server = &server;
                scope.spawn(move || {
                    for visit in 0..60 {
                        let mut client = enter(server, USERS[(visitor + visit) % 3]);
                        match visit % 4 {
                            0 => client.close(None).unwrap(),
                            1 => client.send(Message::text("out")).unwrap(),
                            2 => {
                                client.send(Message::text("out")).unwrap();
                                client.send(Message::text("in")).unwrap();
                            }
                            _ => {}
                        }
                    }
                });
            }
        });
        let stays = enter(&server, "bob");
        wait("the others to be gone", || (server.hub.presence("room").connections == 3).then_some(()));
        let users: BTreeSet<_> = server.hub.presence("room").users.iter().map(ToString::to_string).collect();
        assert_eq!(users, BTreeSet::from(["bob".to_owned()]));
        listeners[0].send(Message::text("over")).unwrap();
        let [first, second] = listeners.each_mut().map(listen);
        assert_eq!(first.1, users);
        assert_eq!(first, second);
        assert!(first.0.values().all(|joins| *joins > 1), "{first:?}");
        drop((stays, listeners));
        wait("the room to be empty", || (server.hub.presence("room").connections == 0).then_some(()));
    }
}
