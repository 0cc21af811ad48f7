//! Budgets: each is counted in what is kept, and falls on who keeps it.
//!
//! Long because each budget has one test, and they share their slow clients.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ferrite::{
    config::{Config, Limits, SlowConsumer},
    port::{ConnectionHandle, Interests, Outgoing, Publisher, SendResult},
    queue::{Event, Respond},
};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    flow::gated,
    harness::{Running, config, echo, frame, read_frame, wait},
};

const LARGE: usize = 900_000;

fn with(limits: Limits) -> Config {
    Config { limits, ..config(1) }
}

/// Sends one message of which most has to wait.
fn hold(handle: &mut Publisher, member: &ConnectionHandle) {
    handle.send(member, Outgoing::new(&vec![0; 6_000_000], true)).unwrap();
}

/// Where a client that says "hold" is sent 6 MB, and one that says anything else that twice; with what became of it.
fn holding(limits: Limits) -> (Running, Arc<Mutex<Vec<SendResult>>>) {
    let results = Arc::new(Mutex::new(Vec::new()));
    let told = results.clone();
    let server = Running::start(with(limits), move |handle, event| {
        let Event::Message { id, payload, .. } = event else { return };
        let Some(member) = handle.connection(*id) else { return };
        if payload[..] == b"hold"[..] {
            hold(handle, &member);
        } else {
            let twice = [0, 1].map(|_| handle.send(&member, Outgoing::new(payload, false)).unwrap());
            told.lock().unwrap().extend(twice);
        }
    });
    (server, results)
}

fn exchange_while_others_hold(policy: SlowConsumer) {
    let limits = Limits {
        total_send_buffer: 16 << 20,
        send_buffer: 16 << 20,
        send_timeout: None,
        slow_consumer: policy,
        ..Limits::default()
    };
    let (server, results) = holding(limits);
    let mut fast = server.client();
    let mut slow = Vec::new();
    for round in 0..12 {
        let mut socket = server.raw();
        socket.write_all(&frame(0x82, b"hold")).unwrap();
        slow.push(socket);
        for n in 0..20 {
            let text = format!("{round}-{n}");
            fast.send(Message::text(text.clone())).unwrap();
            for _ in 0..2 {
                assert_eq!(fast.read().unwrap().to_text().unwrap(), text, "it is a message behind");
            }
        }
    }
    let counters = &server.hub.counters[0];
    let fell = || counters.slow_closed.get() + counters.messages_dropped.get();
    wait("the budget to fall on somebody", || (fell() > 0).then_some(()));
    let results = results.lock().unwrap();
    assert_eq!(results.len(), 12 * 40);
    assert!(results.iter().all(|result| *result == SendResult::Queued), "{results:?}");
    fast.send(Message::text("still here")).unwrap();
    assert_eq!(fast.read().unwrap().to_text().unwrap(), "still here");
}

#[test]
fn a_full_total_closes_those_who_hold_it_and_nobody_else() {
    exchange_while_others_hold(SlowConsumer::Close);
}

#[test]
fn where_messages_are_dropped_they_are_those_of_who_holds_the_total() {
    exchange_while_others_hold(SlowConsumer::DropNewest);
    exchange_while_others_hold(SlowConsumer::DropOldest);
}

#[test]
fn who_has_half_a_message_that_fills_the_total_is_cut_off() {
    for policy in [SlowConsumer::Close, SlowConsumer::DropNewest, SlowConsumer::DropOldest] {
        let limits = Limits {
            total_send_buffer: 10 << 20,
            send_timeout: None,
            slow_consumer: policy,
            ..Limits::default()
        };
        let server = Running::start(with(limits), |handle, event| {
            if let Event::Open { id, .. } = event {
                let member = handle.connection(*id).unwrap();
                handle.send(&member, Outgoing::new(&vec![0; 8 << 20], true)).unwrap();
            }
        });
        let mut first = server.raw();
        let _second = server.raw();
        let _third = server.raw();
        wait("one to be closed", || server.closes().first().cloned().filter(|(code, _)| *code == 1013));
        let _ = read_frame(&mut first);
    }
}

#[test]
fn a_response_is_sent_although_others_hold_the_total() {
    let limits = Limits { total_send_buffer: 16 << 20, send_buffer: 16 << 20, ..Limits::default() };
    let interests = Interests { requests: true, ..Interests::default() };
    let server =
        Running::start_for(with(limits), interests, Duration::from_secs(5), |handle, event| match event {
            Event::Open { id, .. } => {
                let member = handle.connection(*id).unwrap();
                hold(handle, &member);
            }
            Event::Request { id, .. } => {
                let response = Respond { status: 200, body: vec![b'x'; LARGE], headers: Vec::new() };
                handle.respond(*id, response).unwrap();
            }
            _ => {}
        });
    let mut slow = Vec::new();
    for _ in 0..12 {
        slow.push(server.raw());
        let mut socket = server.socket();
        socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{}", answer.lines().next().unwrap_or_default());
        assert!(answer.ends_with(&"x".repeat(LARGE)));
    }
}

#[test]
fn answers_that_nobody_reads_are_cut_off_when_they_fill_the_total() {
    let limits = Limits { total_send_buffer: 16 << 20, send_buffer: 16 << 20, ..Limits::default() };
    let interests = Interests { requests: true, ..Interests::default() };
    let server =
        Running::start_for(with(limits), interests, Duration::from_secs(5), |handle, event| match event {
            Event::Request { id, .. } => {
                let response = Respond { status: 200, body: vec![b'x'; 8 << 20], headers: Vec::new() };
                handle.respond(*id, response).unwrap();
            }
            event => echo(handle, event),
        });
    let _unread: Vec<_> = (0..6)
        .map(|_| {
            let mut socket = server.socket();
            socket.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
            socket
        })
        .collect();
    let mut client = server.client();
    wait("the first to be cut off", || (server.hub.counters[0].slow_closed.get() > 0).then_some(()));
    client.send(Message::text("and others?")).unwrap();
    assert_eq!(client.read().unwrap().to_text().unwrap(), "and others?");
}

#[test]
fn empty_messages_that_wait_count_as_what_they_keep() {
    let (server, results) = empties(20_000);
    let _slow = server.raw();
    let taken = wait("all sends", || *results.lock().unwrap());
    // Each keeps its place and its handle: of 1 MiB, eight thousand.
    assert!(taken < 10_000, "{taken} empty messages wait");
}

/// Fills a socket and then sends `count` empty messages to it; says how many were taken.
fn empties(count: usize) -> (Running, Arc<Mutex<Option<usize>>>) {
    let results = Arc::new(Mutex::new(None));
    let told = results.clone();
    let limits =
        Limits { send_buffer: 1 << 20, slow_consumer: SlowConsumer::DropNewest, ..Limits::default() };
    let server = Running::start(with(limits), move |handle, event| {
        let Event::Open { id, .. } = event else { return };
        let member = handle.connection(*id).unwrap();
        handle.end_batch();
        while handle.send(&member, Outgoing::new(&[0; 16 << 10], true)).unwrap() != SendResult::Buffered {
            std::thread::sleep(Duration::from_micros(100));
        }
        let taken = (0..count)
            .filter(|_| handle.send(&member, Outgoing::new(b"", true)).unwrap() != SendResult::Dropped)
            .count();
        *told.lock().unwrap() = Some(taken);
    });
    (server, results)
}

#[test]
fn empty_messages_that_wait_for_the_consumer_count_as_what_they_keep() {
    let gate = Arc::new(AtomicBool::new(true));
    let limits = Limits { total_receive_bytes: 6_400, ..Limits::default() };
    let server = Running::start(with(limits), gated(&gate));
    let messages = || server.hub.counters[0].messages_received.get();
    let mut clients: Vec<_> = (0..10)
        .map(|n| {
            let mut socket = server.raw();
            socket.write_all(&frame(0x82, b"").repeat(64)).unwrap();
            wait("it to be read or held back", || {
                (messages() >= 64 * (n + 1) || server.hub.counters[0].reads_paused.get() > 0).then_some(())
            });
            socket
        })
        .collect();
    assert!(messages() <= 128, "{} messages", messages());
    gate.store(false, Ordering::SeqCst);
    for socket in &mut clients {
        for _ in 0..64 {
            assert_eq!(read_frame(socket), Some((0x82, Vec::new())));
        }
    }
}

#[test]
fn ten_readers_that_are_not_instant_get_five_messages_of_a_mebibyte() {
    let server = Running::start(with(Limits::default()), |handle: &mut Publisher, event| match event {
        Event::Open { id, .. } => {
            let member = handle.connection(*id).unwrap();
            handle.subscribe(&member, &["room"]).unwrap();
        }
        Event::Message { .. } => {
            for n in 0..5 {
                handle.publish("room", Outgoing::new(&vec![n; 1 << 20], true), &[]).unwrap();
            }
        }
        _ => {}
    });
    let mut readers: Vec<_> = (0..10).map(|_| server.raw()).collect();
    wait("all to have the room", || (server.hub.open_connections() == 10).then_some(()));
    readers[0].write_all(&frame(0x82, b"go")).unwrap();
    wait("all to be published", || (server.hub.counters[0].messages_sent.get() == 50).then_some(()));
    for reader in &mut readers {
        for n in 0..5 {
            assert_eq!(read_frame(reader), Some((0x82, vec![n; 1 << 20])));
        }
    }
    assert_eq!(server.closes(), []);
}

#[test]
fn who_takes_nothing_is_reset_when_its_time_is_over() {
    let limits =
        Limits { close_timeout: Duration::from_millis(100), send_buffer: 1 << 20, ..Limits::default() };
    let server = Running::start(with(limits), |handle, event| {
        let Event::Open { id, .. } = event else { return };
        let member = handle.connection(*id).unwrap();
        handle.end_batch();
        while handle.send(&member, Outgoing::new(&[0; 64 << 10], true)).unwrap() != SendResult::Closed {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let slow = server.raw();
    wait("the close", || server.closes().first().cloned().filter(|(code, _)| *code == 1013));
    // What the kernel would keep for a client that may still read it is gone with a reset.
    let error = wait("the reset", || slow.take_error().unwrap());
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

const HALF: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n";
fn answering(limits: Limits) -> Running {
    let interests = Interests { requests: true, ..Interests::default() };
    Running::start_for(with(limits), interests, Duration::from_secs(1), |handle, event| {
        echo(handle, event);
        if let Event::Request { id, .. } = event {
            let response = Respond { status: 200, body: Vec::new(), headers: Vec::new() };
            handle.respond(*id, response).unwrap();
        }
    })
}

/// A socket from another address of this host.
fn from(server: &Running, address: [u8; 4]) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&std::net::SocketAddr::from((address, 0)).into()).unwrap();
    let to: std::net::SocketAddr = server.address.rsplit('/').next().unwrap().parse().unwrap();
    socket.connect(&to.into()).unwrap();
    socket.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    socket.into()
}

fn post(mut socket: TcpStream, size: usize) -> String {
    write!(socket, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {size}\r\n\r\n").unwrap();
    socket.write_all(&vec![b'x'; size]).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn bodies_that_never_end_leave_messages_their_room() {
    let limits = Limits {
        total_receive_bytes: 1 << 20,
        handshake_timeout: Duration::from_secs(60),
        ..Limits::default()
    };
    let server = answering(limits);
    let mut client = server.client();
    let mut halves = Vec::new();
    for n in 0..40_u8 {
        let mut socket = from(&server, [127, 0, 0, 2 + n % 20]);
        // The eighteenth would take the last byte of all.
        let size = if n == 17 { (1 << 20) - 17 * 59_999 } else { 59_999 };
        socket.write_all(&[HALF, &vec![b'x'; size]].concat()).unwrap();

        halves.push(socket);
        let text = format!("message {n}");
        client.send(Message::text(text.clone())).unwrap();
        assert_eq!(client.read().unwrap().to_text().unwrap(), text);
    }
    assert_eq!(server.hub.counters[0].reads_paused.get(), 0, "messages had to wait");
}

#[test]
fn bodies_of_one_address_leave_room_for_those_of_others() {
    let limits = Limits {
        total_receive_bytes: 8 << 20,
        handshake_timeout: Duration::from_secs(60),
        ..Limits::default()
    };
    let server = answering(limits);
    let mut halves = Vec::new();
    for _ in 0..50 {
        let mut socket = from(&server, [127, 0, 0, 2]);
        socket.write_all(HALF).unwrap();
        let _ = socket.write_all(&[b'x'; 59_999]);
        halves.push(socket);
    }
    wait("one of them to be refused", || {
        post(from(&server, [127, 0, 0, 2]), 60_000).starts_with("HTTP/1.1 503 ").then_some(())
    });
    let answer = post(from(&server, [127, 0, 0, 3]), 200_000);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn what_was_read_too_early_is_little_once_it_is_much_in_all() {
    // What a client has sent and the server has not read stays with the operating systems of both.
    let gate = Arc::new(AtomicBool::new(true));
    let limits = Limits { total_receive_bytes: 1 << 20, ..Limits::default() };
    let server = Running::start(with(limits), gated(&gate));
    let counters = &server.hub.counters[0];
    let flood = frame(0x82, &[7; 10]).repeat(4000);
    let mut clients = Vec::new();
    for n in 0..20 {
        let mut socket = server.raw();
        socket.write_all(&flood).unwrap();
        wait("it to be held back", || (counters.reads_paused.get() > n).then_some(()));
        clients.push(socket);
    }
    // A part of 128 KiB, with the one that reached it 64 KiB more, and 4 KiB for each of the others.
    let most = (128 << 10) + (64 << 10) + 20 * ((4 << 10) + 64 * 16);
    assert!(counters.bytes_received.get() <= most, "{} bytes", counters.bytes_received.get());
    gate.store(false, Ordering::SeqCst);
    for socket in &mut clients {
        for _ in 0..4000 {
            assert_eq!(read_frame(socket), Some((0x82, vec![7; 10])));
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_client_does_not_read_waits_where_it_is_counted() {
    let server = Running::start(with(Limits::default()), |handle, event| {
        if let Event::Open { id, .. } = event {
            let member = handle.connection(*id).unwrap();
            handle.send(&member, Outgoing::new(&vec![0; 8 << 20], true)).unwrap();
        }
    });
    let socket = server.raw();
    // With a receive buffer of its own that does not grow.
    let member = wait("it to be known", || {
        let seen = server.seen.lock().unwrap();
        let id = seen.iter().find_map(|event| match event {
            Event::Open { id, .. } => Some(*id),
            _ => None,
        });
        server.hub.registry.get(id?)
    });
    wait("all that is taken to be taken", || {
        let before = member.gauge().buffered();
        std::thread::sleep(Duration::from_millis(50));
        (before == member.gauge().buffered() && before < 8 << 20).then_some(())
    });
    let arrived = {
        let mut buffer = vec![0; 8 << 20];
        socket.peek(&mut buffer).unwrap()
    };
    let kept = (8 << 20) - member.gauge().buffered() - arrived;
    assert!(kept <= 1 << 20, "the kernel keeps {kept} bytes");
}
