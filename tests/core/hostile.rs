//! Clients that break the rules: each is answered as limits and RFC say, and harms nobody else.

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
    config::{Config, Limits, PerAddress},
    frame::client,
    queue::Event,
};
use tokio_tungstenite::tungstenite::Message;

use crate::harness::{HANDSHAKE, Running, close_code, config, frame, read_frame, wait};

fn answer_to(server: &Running, request: &[u8]) -> String {
    let mut socket = server.socket();
    socket.write_all(request).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_wrong_request_gets_its_status() {
    let server = Running::echo(config(1));
    let with = |from: &str, to: &str| String::from_utf8(HANDSHAKE.to_vec()).unwrap().replacen(from, to, 1);
    for (request, status) in [
        (with("GET", "POST"), 405),
        (with("HTTP/1.1", "HTTP/1.0"), 505),
        (with("Host: h\r\n", ""), 400),
        (with("Version: 13", "Version: 8"), 426),
        (with("Upgrade: websocket\r\nConnection: Upgrade\r\n", ""), 426),
        (with("\r\n\r\n", "\r\nOrigin: http://evil.example\r\n\r\n"), 403),
        (with("/chat", &format!("/{}", "x".repeat(5000))), 414),
        (with("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(20_000))), 431),
        ("\0\x01\x02 nonsense\r\n\r\n".to_owned(), 400),
    ] {
        let answer = answer_to(&server, request.as_bytes());
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer}");
    }
    assert_eq!(server.hub.open_connections(), 0);
    assert!(server.closes().is_empty(), "a connection that never opened was closed");
}

#[test]
fn a_request_head_that_dribbles_is_read_and_cut_at_the_deadline() {
    let limits = Limits { handshake_timeout: Duration::from_millis(400), ..Limits::default() };
    let server = Running::echo(Config { limits, ..config(1) });
    let mut in_time = server.socket();
    for byte in HANDSHAKE {
        in_time.write_all(&[*byte]).unwrap();
    }
    let mut answer = [0; 12];
    in_time.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    let mut late = server.socket();
    late.write_all(&HANDSHAKE[..30]).unwrap();
    assert!(matches!(late.read(&mut [0; 1]), Ok(0) | Err(_)), "the deadline passed");
    let mut idle = server.socket();
    assert!(matches!(idle.read(&mut [0; 1]), Ok(0) | Err(_)), "the deadline passed");
}

#[test]
fn of_more_handshakes_out_of_time_than_a_turn_ends_none_is_forgotten() {
    let limits =
        Limits { handshake_timeout: Duration::from_millis(300), max_connections: 1000, ..Limits::default() };
    let server = Running::echo(Config { limits, ..config(1) });
    let mut bystander = server.client();
    // Twice: the clock has to come round to the first of them again.
    for _ in 0..2 {
        let stalled: Vec<_> = (0..500).map(|_| server.socket()).collect();
        for mut socket in stalled {
            assert_eq!(socket.read(&mut [0; 1]).unwrap(), 0, "the deadline passed");
        }
        bystander.send(Message::text("undisturbed")).unwrap();
        assert_eq!(bystander.read().unwrap().to_text().unwrap(), "undisturbed");
    }
    let counters = &server.hub.counters[0];
    assert_eq!(counters.handshakes_failed.get(), 1000);
}

#[test]
fn a_frame_that_breaks_the_protocol_gets_its_close_code() {
    let server = Running::echo(config(1));
    let mut bystander = server.client();
    let unmasked = [0x81, 0x02, b'h', b'i'];
    let too_big = client::header(0x82, client::CLEAR, 1 << 21);
    let mut empties = frame(0x01, b"");
    (0..100).for_each(|_| empties.extend(frame(0x00, b"")));
    let cases: [(&str, Vec<u8>, u16); 9] = [
        ("unmasked", unmasked.to_vec(), 1002),
        ("a reserved bit", frame(0xC1, b""), 1002),
        ("a reserved opcode", frame(0x83, b""), 1002),
        ("a continuation of nothing", frame(0x80, b""), 1002),
        ("a fragmented ping", frame(0x09, b""), 1002),
        ("bad UTF-8", frame(0x81, b"\xff"), 1007),
        ("a declared length over the limit", too_big, 1009),
        ("a hundred empty fragments", empties, 1008),
        ("a close code that nobody may send", frame(0x88, &1005_u16.to_be_bytes()), 1002),
    ];
    for (what, bytes, code) in &cases {
        let mut socket = server.raw();
        socket.write_all(bytes).unwrap();
        assert_eq!(close_code(&mut socket), *code, "{what}");
    }
    let codes: Vec<u16> = wait("every close", || {
        let closes = server.closes();
        (closes.len() == cases.len()).then(|| closes.iter().map(|(code, _)| *code).collect())
    });
    assert_eq!(codes, cases.iter().map(|case| case.2).collect::<Vec<_>>());
    bystander.send(Message::text("undisturbed")).unwrap();
    assert_eq!(bystander.read().unwrap().to_text().unwrap(), "undisturbed");
}

#[test]
fn what_came_before_a_violation_is_answered_before_the_close() {
    let server = Running::echo(config(1));
    for _ in 0..50 {
        let mut socket = server.raw();
        let mut bytes = frame(0x81, b"one");
        bytes.extend(frame(0x89, b"ping"));
        bytes.extend(frame(0x81, b"two"));
        bytes.extend(frame(0x83, b"a reserved opcode"));
        socket.write_all(&bytes).unwrap();
        let mut texts = Vec::new();
        let close = loop {
            match read_frame(&mut socket).unwrap() {
                (0x81, text) => texts.push(String::from_utf8(text).unwrap()),
                (0x88, close) => break close,
                (first, _) => assert_eq!(first, 0x8A),
            }
        };
        assert_eq!((texts.join(" ").as_str(), &close[..2]), ("one two", &1002_u16.to_be_bytes()[..]));
    }
}

#[test]
fn a_violation_is_not_kept_waiting_for_ever_by_a_busy_consumer() {
    let gate = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let open = gate.clone();
    let limits = Limits { close_timeout: Duration::from_millis(200), ..Limits::default() };
    let server = Running::start(Config { limits, ..config(1) }, move |_, event| {
        while matches!(event, Event::Message { .. }) && open.load(std::sync::atomic::Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let mut socket = server.raw();
    socket.write_all(&[frame(0x81, b"one"), frame(0x83, b"bad")].concat()).unwrap();
    assert_eq!(close_code(&mut socket), 1002);
    gate.store(false, std::sync::atomic::Ordering::SeqCst);
}

#[test]
fn ten_pings_at_once_get_ten_pongs() {
    let server = Running::echo(config(1));
    let mut socket = server.raw();
    let pings: Vec<u8> = (0..10).flat_map(|n| frame(0x89, &[n])).collect();
    socket.write_all(&pings).unwrap();
    for n in 0..10 {
        assert_eq!(read_frame(&mut socket).unwrap(), (0x8A, vec![n]));
    }
}

#[test]
fn no_pong_follows_the_close_frame_however_many_pings_came_before_it() {
    let server = Running::echo(config(1));
    for end in [frame(0x88, b""), frame(0x83, b"")] {
        let mut socket = server.raw();
        let mut sent: Vec<u8> = (0..100).flat_map(|n| frame(0x89, &[n])).collect();
        sent.extend(end);
        socket.write_all(&sent).unwrap();
        let mut got = Vec::new();
        while let Some((opcode, _)) = read_frame(&mut socket) {
            got.push(opcode);
        }
        assert_eq!((got.last(), got.iter().filter(|opcode| **opcode == 0x88).count()), (Some(&0x88), 1));
        assert!(got.len() > 64, "{} frames", got.len());
    }
}

#[test]
fn over_a_hundred_control_frames_a_second_for_five_seconds_are_1008() {
    let server = Running::echo(config(1));
    let mut socket = server.raw();
    let mut writer = socket.try_clone().unwrap();
    let sender = std::thread::spawn(move || {
        let burst: Vec<u8> = (0..40).flat_map(|_| frame(0x89, b"x")).collect();
        for _ in 0..200 {
            if writer.write_all(&burst).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    });
    assert_eq!(close_code(&mut socket), 1008);
    drop(socket);
    sender.join().unwrap();
}

#[test]
fn a_full_server_answers_503_and_serves_again_when_somebody_leaves() {
    let server =
        Running::echo(Config { limits: Limits { max_connections: 3, ..Limits::default() }, ..config(2) });
    let mut clients: Vec<_> = (0..3).map(|_| server.client()).collect();
    wait("the server to be full", || (server.hub.open_connections() == 3).then_some(()));
    let answer = answer_to(&server, b"");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("Retry-After"), "{answer}");
    clients.pop();
    wait("a place", || {
        let mut socket = server.socket();
        socket.write_all(HANDSHAKE).ok()?;
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).ok()?;
        (&answer == b"HTTP/1.1 101").then_some(())
    });
}

#[test]
fn an_address_with_too_many_connections_gets_429() {
    let limits = Limits { max_connections_per_address: PerAddress::AtMost(2), ..Limits::default() };
    let server = Running::echo(Config { limits, ..config(1) });
    let _clients = [server.client(), server.client()];
    let answer = answer_to(&server, b"");
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
}

#[test]
fn clients_that_come_and_go_while_the_consumer_is_busy_cannot_fill_the_memory() {
    let gate = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let open = gate.clone();
    let limits = Limits { max_connections: 20, ..Limits::default() };
    let server = Running::start(Config { limits, ..config(1) }, move |_, _| {
        while open.load(std::sync::atomic::Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let mut refused = 0;
    for _ in 0..60 {
        let mut socket = server.socket();
        let _ = socket.write_all(HANDSHAKE);
        let mut answer = [0; 12];
        let answered = socket.read_exact(&mut answer).is_ok();
        if !answered || &answer != b"HTTP/1.1 101" {
            refused += 1;
        }
    }
    assert!(server.hub.registry.held() <= 20, "{}", server.hub.registry.held());
    assert!(refused >= 40, "{refused}");
    gate.store(false, std::sync::atomic::Ordering::SeqCst);
    wait("the consumer to catch up", || (server.hub.registry.held() == 0).then_some(()));
}

#[test]
fn a_reset_at_any_byte_of_a_conversation_harms_nobody() {
    let server = Running::echo(config(1));
    let mut bystander = server.client();
    let mut talk = HANDSHAKE.to_vec();
    talk.extend(frame(0x81, b"hello"));
    talk.extend(frame(0x01, b"hal"));
    talk.extend(frame(0x88, &1000_u16.to_be_bytes()));
    for length in (0..talk.len()).step_by(3) {
        let mut socket = server.socket();
        socket.write_all(&talk[..length]).unwrap();
        // Closing with unread data is a reset.
        socket2::SockRef::from(&socket).set_linger(Some(Duration::ZERO)).unwrap();
    }
    bystander.send(Message::text("undisturbed")).unwrap();
    assert_eq!(bystander.read().unwrap().to_text().unwrap(), "undisturbed");
    wait("all to be gone", || (server.hub.open_connections() == 1).then_some(()));
}

#[test]
fn handshakes_that_came_and_went_count_until_the_consumer_has_seen_them() {
    let gate = Arc::new(AtomicBool::new(true));
    let blocked = gate.clone();
    let limits = Limits { max_connections: 2, ..Limits::default() };
    let config = Config { limits, ..config(1) };
    let server = Running::start_with(config, true, Duration::from_secs(1), move |_, event| {
        while matches!(event, Event::Handshake { .. }) && blocked.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let told = |mut socket: TcpStream| {
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.rsplit('\n').nth(1).unwrap_or_default().to_owned()
    };
    let mut clients: Vec<_> = (0..2).map(|_| server.socket()).collect();
    clients.iter_mut().for_each(|client| client.write_all(HANDSHAKE).unwrap());
    clients.into_iter().for_each(|client| assert_eq!(told(client), "No answer in time"));
    // Their requests wait in memory.
    assert_eq!(told(server.socket()), "The server is full");
    gate.store(false, Ordering::SeqCst);
    server.wait_for("both to be seen", |seen| {
        (seen.iter().filter(|e| matches!(e, Event::HandshakeGone { .. })).count() == 2).then_some(())
    });
    let mut late = server.socket();
    late.write_all(HANDSHAKE).unwrap();
    server.wait_for("a third to be asked about", |seen| {
        (seen.iter().filter(|e| matches!(e, Event::Handshake { .. })).count() == 3).then_some(())
    });
}
