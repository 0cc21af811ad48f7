//! Requests that stay HTTP: what waits is bounded, and nobody is forgotten.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ferrite::{
    config::{Config, Limits, Metrics},
    port::{Interests, Publisher},
    queue::{Event, Respond},
};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{HANDSHAKE, Running, config, echo, wait};

const INTERESTS: Interests = Interests { drains: true, requests: true, ..Interests::NONE };

/// Answers every request with its body, and messages as an echo server does.
fn answer(handle: &mut Publisher, event: &Event) {
    echo(handle, event);
    if let Event::Request { id, asked } = event {
        let response = Respond { status: 200, body: asked.body.clone(), headers: Vec::new() };
        handle.respond(*id, response).unwrap();
    }
}

/// Holds a consumer up.
#[derive(Default)]
struct Gate {
    open: AtomicBool,
    /// Whether the consumer stands before it.
    reached: AtomicBool,
}

impl Gate {
    fn pass(&self) {
        self.reached.store(true, Ordering::SeqCst);
        while !self.open.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn wait_for_consumer(&self) {
        wait("the consumer to be busy", || self.reached.load(Ordering::SeqCst).then_some(()));
    }

    fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

/// A server whose consumer stands still before a request while the gate is closed.
fn gated(config: Config, grace: Duration) -> (Running, Arc<Gate>) {
    let gate = Arc::new(Gate::default());
    let before = gate.clone();
    let server = Running::start_for(config, INTERESTS, grace, move |handle, event| {
        if matches!(event, Event::Request { .. }) {
            before.pass();
        }
        answer(handle, event);
    });
    (server, gate)
}

fn post(server: &Running, body: &[u8]) -> TcpStream {
    let mut socket = server.socket();
    write!(socket, "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.len()).unwrap();
    socket.write_all(body).unwrap();
    socket
}

fn rest(mut socket: TcpStream) -> String {
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

fn asked(seen: &[Event]) -> usize {
    seen.iter().filter(|event| matches!(event, Event::Request { .. })).count()
}

#[test]
fn a_request_is_asked_about_and_answered_and_the_connection_closed() {
    for shards in [1, 3] {
        let server = Running::start_for(config(shards), INTERESTS, Duration::from_secs(5), answer);
        for n in 0..20 {
            let body = format!("body {n}");
            let answer = rest(post(&server, body.as_bytes()));
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
            assert!(answer.ends_with(&format!("\r\n\r\n{body}")), "{answer}");
        }
        wait("the sockets to be gone", || (server.hub.registry.held() == 0).then_some(()));
        assert_eq!(server.hub.open_connections(), 0);
    }
}

#[test]
fn without_a_consumer_for_them_requests_are_refused_as_handshakes() {
    let server = Running::echo(config(1));
    let answer = rest(post(&server, b"x"));
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    let mut socket = server.socket();
    socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(rest(socket).starts_with("HTTP/1.1 426 "));
    assert_eq!(server.seen.lock().unwrap().iter().filter(|e| matches!(e, Event::Request { .. })).count(), 0);
}

#[test]
fn bodies_that_wait_share_the_budget_of_messages_and_beyond_it_clients_get_503() {
    let limits = Limits { total_receive_bytes: 100_000, ..Limits::default() };
    let (server, gate) = gated(Config { limits, ..config(1) }, Duration::from_secs(5));
    let body = vec![b'x'; 40_000];
    let waiting: Vec<_> = (0..2).map(|_| post(&server, &body)).collect();
    // Both have been handed over, or wait in the shard: either way they count.
    let refused = wait("a third to be refused", || {
        let answer = rest(post(&server, &body));
        answer.starts_with("HTTP/1.1 503 ").then_some(answer)
    });
    assert!(refused.contains("\r\nRetry-After: 5\r\n"), "{refused}");
    gate.open();
    for socket in waiting {
        assert!(rest(socket).starts_with("HTTP/1.1 200 "));
    }
    assert!(rest(post(&server, &body)).starts_with("HTTP/1.1 200 "), "the credit came back");
}

#[test]
fn bodies_that_never_become_whole_share_it_too_and_give_it_back() {
    let limits = Limits {
        total_receive_bytes: 100_000,
        handshake_timeout: Duration::from_secs(2),
        ..Limits::default()
    };
    let server =
        Running::start_for(Config { limits, ..config(1) }, INTERESTS, Duration::from_secs(5), answer);
    let mut halves = Vec::new();
    for _ in 0..2 {
        let mut socket = server.socket();
        socket.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n").unwrap();
        socket.write_all(&vec![b'x'; 50_000]).unwrap();
        halves.push(socket);
    }
    wait("a third to be refused", || {
        rest(post(&server, &[b'x'; 3000])).starts_with("HTTP/1.1 503 ").then_some(())
    });
    // Messages do not wait for that room, others' bodies get it when the halves are cut off.
    let mut client = server.client();
    client.send(Message::text("hello")).unwrap();
    assert_eq!(client.read().unwrap().to_text().unwrap(), "hello");
    wait("the halves to be cut off", || {
        rest(post(&server, &[b'x'; 3000])).starts_with("HTTP/1.1 200 ").then_some(())
    });
    assert_eq!(server.hub.counters[0].requests_failed.get(), 2);
}

#[test]
fn requests_that_came_and_went_count_until_the_consumer_has_seen_them() {
    let limits = Limits { max_connections: 2, ..Limits::default() };
    let (server, gate) = gated(Config { limits, ..config(1) }, Duration::from_secs(5));
    let clients: Vec<_> = (0..2).map(|_| post(&server, b"x")).collect();
    for client in clients {
        let answer = rest(client);
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("No answer in time\n"), "{answer}");
    }
    // What they asked waits in memory.
    assert!(rest(server.socket()).ends_with("The server is full\n"));
    gate.open();
    server.wait_for("both to be seen", |seen| {
        (seen.iter().filter(|e| matches!(e, Event::RequestGone { .. })).count() == 2).then_some(())
    });
    assert!(rest(post(&server, b"late")).ends_with("\r\n\r\nlate"));
    let warned = |seen: &[Event]| {
        seen.iter()
            .any(|e| matches!(e, Event::Log(record) if record.message.contains("onRequest")))
            .then_some(())
    };
    server.wait_for("the warning", warned);
}

#[test]
fn a_request_that_php_has_is_answered_while_the_server_stops() {
    let (server, gate) = gated(config(1), Duration::from_secs(15));
    let whole = post(&server, b"whole");
    gate.wait_for_consumer();
    let mut half = server.socket();
    half.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nha").unwrap();
    let mut unread = server.client();
    server.tell_stop();
    gate.open();
    let answer = rest(whole);
    assert!(answer.ends_with("\r\n\r\nwhole"), "{answer}");
    let answer = rest(half);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("The server is stopping\n"), "{answer}");
    assert!(matches!(unread.read(), Ok(Message::Close(_))));
    server.stop();
}

#[test]
fn an_answer_for_who_is_gone_is_dropped() {
    let (server, gate) = gated(config(1), Duration::from_secs(5));
    let socket = post(&server, b"x");
    gate.wait_for_consumer();
    socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    drop(socket);
    gate.open();
    server.wait_for("it to be asked about", |seen| (asked(seen) == 1).then_some(()));
    assert!(rest(post(&server, b"next")).ends_with("\r\n\r\nnext"));
}

#[test]
fn a_response_over_the_send_buffer_becomes_500_and_an_error() {
    let limits = Limits { send_buffer: 1000, ..Limits::default() };
    let config = Config { limits, ..config(1) };
    let server = Running::start_for(config, INTERESTS, Duration::from_secs(5), |handle, event| {
        if let Event::Request { id, asked } = event {
            let size = std::str::from_utf8(&asked.body).unwrap().parse().unwrap();
            let response = Respond { status: 200, body: vec![b'x'; size], headers: Vec::new() };
            let sent = handle.respond(*id, response);
            assert_eq!(
                sent.map_err(|error| (error.response, error.limit)).err(),
                (size > 1000).then_some((size, 1000))
            );
        }
    });
    assert!(rest(post(&server, b"1000")).starts_with("HTTP/1.1 200 "));
    assert!(rest(post(&server, b"1001")).starts_with("HTTP/1.1 500 "));
}

#[test]
fn a_response_for_which_the_outboxes_of_all_have_no_room_becomes_500() {
    let limits = Limits { send_buffer: 64 << 20, total_send_buffer: 4 << 20, ..Limits::default() };
    let server = Running::start_for(
        Config { limits, ..config(1) },
        INTERESTS,
        Duration::from_secs(5),
        |handle, event| {
            if let Event::Request { id, .. } = event {
                let response = Respond { status: 200, body: vec![b'x'; 32 << 20], headers: Vec::new() };
                assert!(handle.respond(*id, response).is_err());
            }
        },
    );
    assert!(rest(post(&server, b"")).starts_with("HTTP/1.1 500 "));
}

#[test]
fn a_reset_at_any_byte_of_a_request_harms_nobody() {
    let server = Running::start_for(config(1), INTERESTS, Duration::from_secs(5), answer);
    let talk = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;a\r\nabc\r\n0\r\nA: b\r\n\r\nGET /";
    for length in 0..talk.len() {
        let mut socket = server.socket();
        socket.write_all(&talk[..length]).unwrap();
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
    assert!(rest(post(&server, b"undisturbed")).ends_with("undisturbed"));
    wait("all to be gone", || (server.hub.registry.held() == 0).then_some(()));
}

#[test]
fn idle_probes_take_a_few_places_of_their_own_and_no_more() {
    let limits = Limits { max_connections: 1, ..Limits::default() };
    let health = Some("/health".to_owned());
    let server = Running::echo(Config { limits, health, ..config(1) });
    let _client = server.client();
    let idle: Vec<_> = (0..16).map(|_| server.socket()).collect();
    wait("them to be accepted", || (server.hub.counters[0].accepted.get() == 17).then_some(()));
    assert!(rest(server.socket()).ends_with("The server is full\n"));
    drop(idle);
    wait("a place", || {
        let mut socket = server.socket();
        socket.write_all(b"GET /health/live HTTP/1.1\r\nHost: h\r\n\r\n").ok()?;
        rest(socket).starts_with("HTTP/1.1 200 ").then_some(())
    });
    let mut refused = server.socket();
    refused.write_all(HANDSHAKE).unwrap();
    assert!(rest(refused).ends_with("The server is full\n"));
}

#[test]
fn metrics_of_an_address_of_their_own_are_told_by_every_shard() {
    let metrics = Some(Metrics::parse("http://127.0.0.1:0/m").unwrap());
    let server = Running::echo(Config { metrics, ..config(3) });
    let own = server.addresses.last().unwrap().trim_start_matches("http://").trim_end_matches("/m");
    for _ in 0..12 {
        let mut socket = TcpStream::connect(own).unwrap();
        socket.write_all(b"GET /m HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let answer = rest(socket);
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\nferrite_shards 3\n"), "{answer}");
    }
    let mut public = server.socket();
    public.write_all(b"GET /m HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(rest(public).starts_with("HTTP/1.1 426 "));
}
