//! How connections end, and what both sides are told.

use std::{io::Write, time::Duration};

use ferrite::{
    config::{Heartbeat, Limits},
    port::Outgoing,
    queue::Event,
};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use crate::harness::{Running, close_code, config, frame, read_frame, wait};

fn closed(server: &Running) -> (u16, String) {
    wait("the close", || server.closes().first().cloned())
}

#[test]
fn the_clients_close_is_answered_with_its_code_and_told() {
    let server = Running::echo(config(1));
    let mut client = server.client();
    let sent = CloseFrame { code: CloseCode::Library(4001), reason: "enough".into() };
    client.close(Some(sent)).unwrap();
    let Message::Close(Some(answer)) = client.read().unwrap() else { panic!("no close") };
    assert_eq!(u16::from(answer.code), 4001);
    assert!(client.read().is_err());
    assert_eq!(closed(&server), (4001, "enough".to_owned()));
}

#[test]
fn the_servers_close_comes_after_what_was_sent_before_it() {
    let server = Running::start(config(1), |handle, event| {
        if let Event::Open { id, .. } = event {
            let member = handle.connection(*id).unwrap();
            handle.send(&member, Outgoing::new(b"last words", false)).unwrap();
            handle.close(&member, 4000, "bye");
            assert!(!member.is_open());
        }
    });
    let mut client = server.client();
    assert_eq!(client.read().unwrap().to_text().unwrap(), "last words");
    let Message::Close(Some(close)) = client.read().unwrap() else { panic!("no close") };
    assert_eq!((u16::from(close.code), close.reason.as_str()), (4000, "bye"));
    assert!(client.read().is_err());
    assert_eq!(closed(&server), (4000, "bye".to_owned()));
}

#[test]
fn a_ping_after_the_servers_close_frame_gets_no_pong() {
    let server = Running::start(config(1), |handle, event| {
        if let Event::Open { id, .. } = event {
            let member = handle.connection(*id).unwrap();
            handle.close(&member, 4000, "bye");
        }
    });
    let mut client = server.raw();
    assert_eq!(close_code(&mut client), 4000);
    client.write_all(&[frame(0x89, b"still there?"), frame(0x88, b"\x0f\xa0")].concat()).unwrap();
    assert_eq!(read_frame(&mut client), None);
    assert_eq!(closed(&server), (4000, "bye".to_owned()));
}

#[test]
fn what_was_sent_before_a_close_arrives_however_long_it_takes() {
    let limits = Limits { close_timeout: Duration::from_millis(300), ..Limits::default() };
    let server = Running::start(ferrite::config::Config { limits, ..config(1) }, |handle, event| {
        if let Event::Open { id, .. } = event {
            let member = handle.connection(*id).unwrap();
            handle.send(&member, Outgoing::new(&vec![7; 24 << 20], true)).unwrap();
            handle.close(&member, 4000, "bye");
        }
    });
    let mut client = server.raw();
    let mut buffer = vec![0; 1 << 20];
    let mut received = 0;
    // Steadily, but for longer than the time to answer a close.
    while received < (24 << 20) + 10 {
        std::thread::sleep(Duration::from_millis(30));
        let read = std::io::Read::read(&mut client, &mut buffer).unwrap();
        assert!(read > 0, "cut after {received} bytes");
        received += read;
    }
    assert_eq!(closed(&server), (4000, "bye".to_owned()));
}

#[test]
fn a_client_that_vanishes_is_told_as_1006() {
    let server = Running::echo(config(1));
    drop(server.raw());
    assert_eq!(closed(&server), (1006, String::new()));
}

#[test]
fn a_client_that_does_not_answer_a_close_is_dropped_after_the_timeout() {
    let limits = Limits { close_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = Running::start(ferrite::config::Config { limits, ..config(1) }, |handle, event| {
        if let Event::Open { id, .. } = event {
            let member = handle.connection(*id).unwrap();
            handle.close(&member, 1000, "");
        }
    });
    let mut client = server.raw();
    assert_eq!(close_code(&mut client), 1000);
    assert_eq!(closed(&server), (1000, String::new()));
    assert_eq!(read_frame(&mut client), None, "the socket stayed open");
}

#[test]
fn silence_after_a_ping_is_1006_and_any_byte_is_life() {
    let heartbeat =
        Heartbeat { interval: Some(Duration::from_millis(150)), timeout: Duration::from_millis(150) };
    let server = Running::echo(ferrite::config::Config { heartbeat, ..config(1) });
    let mut silent = server.raw();
    let mut alive = server.raw();
    // Never a pong, but a byte of an unfinished frame now and then.
    let bytes = frame(0x82, &[0; 100]);
    let mut sent = 0;
    wait("the silent one to be closed", || {
        if sent < 60 {
            alive.write_all(&bytes[sent..=sent]).unwrap();
            sent += 1;
            std::thread::sleep(Duration::from_millis(20));
        }
        server.closes().first().cloned()
    });
    assert_eq!(server.closes(), [(1006, String::new())]);
    assert_eq!(server.hub.open_connections(), 1);
    assert_eq!(read_frame(&mut silent).map(|(first, _)| first), Some(0x89));
}

#[test]
fn a_pong_tells_the_latency() {
    let heartbeat = Heartbeat { interval: Some(Duration::from_millis(50)), timeout: Duration::from_secs(5) };
    let server = Running::echo(ferrite::config::Config { heartbeat, ..config(1) });
    let mut client = server.client();
    client.get_mut().set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let id = server.wait_for("the open", |seen| {
        seen.iter().find_map(|e| if let Event::Open { id, .. } = e { Some(*id) } else { None })
    });
    let member = server.hub.registry.get(id).unwrap();
    let latency = wait("a latency", || {
        let _ = client.read();
        let _ = client.flush();
        member.latency()
    });
    assert!(latency < Duration::from_secs(5), "{latency:?}");
}

#[test]
fn a_panic_on_the_path_of_a_message_closes_one_connection_with_1011() {
    // Only a build with the feature `faults` panics on purpose.
    if !cfg!(feature = "faults") {
        return;
    }
    let server = Running::echo(config(1));
    let mut bystander = server.client();
    let mut victim = server.raw();
    victim.write_all(&frame(0x81, b"ferrite: panic in the shard")).unwrap();
    assert_eq!(close_code(&mut victim), 1011);
    assert_eq!(closed(&server).0, 1011);
    bystander.send(Message::text("still here")).unwrap();
    assert_eq!(bystander.read().unwrap().to_text().unwrap(), "still here");
    assert_eq!(server.hub.counters[0].panics.get(), 1);
    let logged = server.wait_for("the log", |seen| {
        seen.iter().find_map(|e| if let Event::Log(record) = e { Some(record.clone()) } else { None })
    });
    assert_eq!(logged.context, [("panic".to_owned(), "a test asked for it".to_owned())]);
}
