//! The end of a server.

use std::{
    io::{ErrorKind, Read},
    time::{Duration, Instant},
};

use ferrite::queue::Event;
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{HANDSHAKE, Running, close_code, config, wait};

#[test]
fn a_stop_drains_then_closes_everybody_with_1001() {
    for shards in [1, 3] {
        let server = Running::echo(config(shards));
        let mut clients: Vec<_> = (0..10).map(|_| server.client()).collect();
        for client in &mut clients {
            client.send(Message::text("last")).unwrap();
        }
        for client in &mut clients {
            assert_eq!(client.read().unwrap().to_text().unwrap(), "last");
        }
        server.tell_stop();
        for client in &mut clients {
            let Message::Close(Some(close)) = client.read().unwrap() else { panic!("no close") };
            assert_eq!(u16::from(close.code), 1001);
            while client.read().is_ok() {}
        }
        wait("every close", || (server.closes().len() == 10).then_some(()));
        assert!(server.closes().iter().all(|(code, _)| *code == 1001));
        server.stop();
    }
}

#[test]
fn clients_that_never_answer_cannot_delay_a_stop_beyond_its_grace() {
    let server = Running::start_with(config(1), false, Duration::from_millis(500), |_, _| {});
    let mut clients: Vec<_> = (0..5).map(|_| server.raw()).collect();
    let mut half = server.socket();
    std::io::Write::write_all(&mut half, &HANDSHAKE[..20]).unwrap();
    wait("all six to be accepted", || (server.hub.counters[0].accepted.get() == 6).then_some(()));
    let began = Instant::now();
    let seen = server.seen.clone();
    server.stop();
    assert!(began.elapsed() < Duration::from_secs(10));
    for client in &mut clients {
        assert_eq!(close_code(client), 1001);
    }
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    let closes = seen.lock().unwrap().iter().filter(|e| matches!(e, Event::Close { code: 1001, .. })).count();
    assert_eq!(closes, 5);
}

#[test]
fn a_server_that_is_dropped_ends_its_threads_and_frees_its_port() {
    for _ in 0..3 {
        let mut options = config(3);
        let mut server = ferrite::runtime::Server::start(options.clone()).unwrap();
        let address = server.addresses()[0].trim_start_matches("ws://").to_owned();
        let mut socket = std::net::TcpStream::connect(&address).unwrap();
        let _consumer = server.take_consumer();
        drop(server);
        // Answered or not, the connection is over.
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let end = socket.read_to_end(&mut Vec::new());
        assert!(end.map_or_else(|e| e.kind() == ErrorKind::ConnectionReset, |_| true));
        options.listen = vec![ferrite::config::Listen::parse(&address).unwrap()];
        drop(ferrite::runtime::Server::start(options).unwrap());
    }
}

#[test]
fn an_address_in_use_is_an_error_that_names_it_and_leaves_nothing_behind() {
    let server = Running::echo(config(2));
    let address = server.address.trim_start_matches("ws://").to_owned();
    let mut options = config(2);
    options.listen.push(ferrite::config::Listen::parse(&address).unwrap());
    let error = ferrite::runtime::Server::start(options).unwrap_err().to_string();
    assert_eq!(
        error,
        format!("cannot listen on {address}: address already in use; is another server running there?")
    );
}
