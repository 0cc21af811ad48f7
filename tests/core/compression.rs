//! permessage-deflate over real sockets, frame by frame.

use std::{
    io::Write,
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use ferrite::{
    config::{Compression, Config, ConfigError, Limits, SlowConsumer},
    deflate::{Agreement, Codec, Contexts},
    port::Outgoing,
    queue::Event,
};

use crate::{
    flow::gated,
    harness::{HANDSHAKE, Running, close_code, config, frame, read_frame, wait},
};

fn compressing(compression: Compression) -> Config {
    Config { compression: Some(compression), ..config(1) }
}

/// A client that offers permessage-deflate with these parameters; and the answer to it.
fn client(server: &Running, parameters: &str) -> (TcpStream, String) {
    let handshake = String::from_utf8(HANDSHAKE.to_vec()).unwrap();
    let offer = format!("\r\nSec-WebSocket-Extensions: permessage-deflate{parameters}\r\n\r\n");
    server.raw_with(handshake.replace("\r\n\r\n", &offer).as_bytes())
}

/// The other side of a connection.
struct Peer(Codec, Contexts);

impl Peer {
    fn new(takeover: bool) -> Self {
        let agreement = Agreement {
            server_takeover: takeover,
            client_takeover: takeover,
            server_window_bits: 15,
            server_window_demanded: false,
            client_window_bits: None,
        };
        Self(Codec::new(6), Contexts::new(agreement))
    }

    fn deflate(&mut self, message: &[u8]) -> Vec<u8> {
        self.0.deflate(&mut self.1, message).unwrap().to_vec()
    }

    fn inflate(&mut self, message: &[u8]) -> Vec<u8> {
        self.0.inflate(&mut self.1, message, 16 << 20).unwrap()
    }
}

const COMPRESSED_TEXT: u8 = 0xc1;

#[test]
fn a_server_without_compression_ignores_the_offer_and_refuses_rsv1() {
    let server = Running::echo(config(1));
    let (mut socket, answer) = client(&server, "");
    assert!(!answer.to_lowercase().contains("extensions"), "{answer}");
    socket.write_all(&frame(COMPRESSED_TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00")).unwrap();
    assert_eq!(close_code(&mut socket), 1002);
}

#[test]
fn a_malformed_extension_header_is_answered_400() {
    let server = Running::echo(compressing(Compression::default()));
    let mut socket = server.socket();
    let handshake = String::from_utf8(HANDSHAKE.to_vec()).unwrap();
    let bad = "\r\nSec-WebSocket-Extensions: permessage-deflate; =\r\n\r\n";
    socket.write_all(handshake.replace("\r\n\r\n", bad).as_bytes()).unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut socket, &mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[test]
fn long_texts_leave_compressed_and_short_or_binary_ones_as_they_are() {
    let server = Running::echo(compressing(Compression::default()));
    let (mut socket, answer) = client(&server, "");
    let agreed = "permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n";
    assert!(answer.contains(agreed), "{answer}");
    let mut peer = Peer::new(false);
    let long = "ferrite ".repeat(500).into_bytes();
    socket.write_all(&frame(COMPRESSED_TEXT, &peer.deflate(&long))).unwrap();
    let (first, payload) = read_frame(&mut socket).unwrap();
    assert_eq!(first, COMPRESSED_TEXT);
    assert!(payload.len() < 100 && peer.inflate(&payload) == long);
    for (first_byte, message) in [(0x81, &long[..1023]), (0x82, &long[..])] {
        socket.write_all(&frame(first_byte, message)).unwrap();
        assert_eq!(read_frame(&mut socket), Some((first_byte, message.to_vec())));
    }
}

#[test]
fn with_takeover_messages_refer_back_and_a_fan_out_is_compressed_for_each() {
    let compression = Compression { context_takeover: true, threshold: 0, ..Compression::default() };
    let server = Running::start(compressing(compression), |handle, event| {
        if let Event::Message { payload, .. } = event {
            handle.broadcast(Outgoing::new(payload, false), &[]).unwrap();
        }
    });
    let (mut one, answer) = client(&server, "");
    assert!(answer.contains("permessage-deflate\r\n"), "{answer}");
    let (mut two, _) = client(&server, "; server_no_context_takeover");
    let mut plain = server.raw();
    let (mut of_one, mut of_two) = (Peer::new(true), Peer::new(false));
    for n in 0..3 {
        let message = format!("the same words again, but for a number: {n}, and the end").into_bytes();
        one.write_all(&frame(COMPRESSED_TEXT, &of_one.deflate(&message))).unwrap();
        let (_, to_one) = read_frame(&mut one).unwrap();
        let (_, to_two) = read_frame(&mut two).unwrap();
        assert!(n == 0 || to_one.len() < to_two.len(), "{} {}", to_one.len(), to_two.len());
        assert_eq!(of_one.inflate(&to_one), message);
        assert_eq!(of_two.inflate(&to_two), message);
        assert_eq!(read_frame(&mut plain), Some((0x81, message)));
    }
}

#[test]
fn a_fan_out_is_compressed_once_for_all_who_agreed_on_the_same() {
    let server = Running::start(compressing(Compression::default()), |handle, event| {
        if let Event::Message { payload, .. } = event {
            handle.broadcast(Outgoing::new(payload, false), &[]).unwrap();
        }
    });
    let mut clients: Vec<_> = (0..20).map(|_| client(&server, "").0).collect();
    clients.push(client(&server, "; server_max_window_bits=9").0);
    let message = "0123456789".repeat(200).into_bytes();
    clients[0].write_all(&frame(0x81, &message)).unwrap();
    for socket in &mut clients {
        let (first, payload) = read_frame(socket).unwrap();
        assert_eq!((first, Peer::new(false).inflate(&payload)), (COMPRESSED_TEXT, message.clone()));
    }
    // Counted at the end of the turn, after the frames have left.
    let deflated = || server.hub.counters[0].deflated.get();
    wait("the count", || (deflated() > 0).then_some(()));
    assert_eq!(deflated(), 2);
}

#[test]
fn a_fragmented_compressed_message_is_put_together_around_a_ping() {
    let server = Running::echo(compressing(Compression::default()));
    let (mut socket, _) = client(&server, "");
    let mut peer = Peer::new(false);
    let message = "h\u{e9}llo ".repeat(300).into_bytes();
    let deflated = peer.deflate(&message);
    let (a, b) = deflated.split_at(deflated.len() / 2);
    socket.write_all(&[frame(0x41, a), frame(0x89, b"p"), frame(0x80, b)].concat()).unwrap();
    assert_eq!(read_frame(&mut socket), Some((0x8a, b"p".to_vec())));
    let (_, echoed) = read_frame(&mut socket).unwrap();
    assert_eq!(peer.inflate(&echoed), message);
}

#[test]
fn what_cannot_be_inflated_or_is_marked_wrongly_closes_with_its_code() {
    let server = Running::echo(compressing(Compression::default()));
    let mut peer = Peer::new(false);
    let not_utf8 = peer.deflate(&[0xff; 100]);
    let wrong: [(Vec<u8>, u16); 6] = [
        (frame(COMPRESSED_TEXT, b"\xff\xff\xff\xff"), 1007),
        (frame(COMPRESSED_TEXT, &not_utf8), 1007),
        ([frame(0x01, b"a"), frame(0xc0, b"b")].concat(), 1002),
        (frame(0xc9, b"compressed ping"), 1002),
        (frame(0xa1, b"RSV2"), 1002),
        (frame(0x91, b"RSV3"), 1002),
    ];
    for (bytes, code) in wrong {
        let (mut socket, _) = client(&server, "");
        socket.write_all(&bytes).unwrap();
        assert_eq!(close_code(&mut socket), code, "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_bomb_is_closed_1009_whole_or_in_fragments() {
    let server = Running::echo(compressing(Compression::default()));
    // Some 32 KiB that would become 32 MiB.
    let bomb = Peer::new(false).deflate(&vec![0; 32 << 20]);
    assert!(bomb.len() < 64 << 10);
    let (mut whole, _) = client(&server, "");
    whole.write_all(&frame(0xc2, &bomb)).unwrap();
    assert_eq!(close_code(&mut whole), 1009);
    let (mut cut, _) = client(&server, "");
    let mut frames: Vec<u8> = Vec::new();
    for (n, piece) in bomb.chunks(1_000).enumerate() {
        frames.extend(frame(if n == 0 { 0x42 } else { 0x00 }, piece));
    }
    frames.extend(frame(0x80, b""));
    cut.write_all(&frames).unwrap();
    assert_eq!(close_code(&mut cut), 1009);
}

/// Text that shrinks to half at best, for its letters come in no order.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b'a' + (state >> 28) as u8
    };
    (0..len).map(|_| letter()).collect()
}

/// Twice the limit of messages in few bytes, and more behind it than is put together before it is inflated.
fn bomb() -> Vec<u8> {
    let mut bomb = Peer::new(false).deflate(&vec![0; 2 << 20]);
    bomb.resize(100_000, 0);
    bomb
}

#[test]
fn large_messages_are_inflated_while_they_arrive_and_come_back_whole() {
    for takeover in [false, true] {
        let compression = Compression { context_takeover: takeover, ..Compression::default() };
        let server = Running::echo(compressing(compression));
        let (mut one, _) = client(&server, "");
        let (mut two, _) = client(&server, "");
        let (mut of_one, mut of_two) = (Peer::new(takeover), Peer::new(takeover));
        for round in 0..3 {
            let large = [noise(300_000), "h\u{e9}llo ".repeat(20_000 + round).into_bytes()].concat();
            let deflated = of_one.deflate(&large);
            assert!(deflated.len() > 150_000, "{}", deflated.len());
            let (begin, rest) = deflated.split_at(100_000);
            let (middle, end) = rest.split_at(40_000);
            one.write_all(&[frame(0x41, begin), frame(0x89, b"p"), frame(0x00, middle)].concat()).unwrap();
            assert_eq!(read_frame(&mut one), Some((0x8a, b"p".to_vec())));
            // The other's are inflated in between.
            two.write_all(&frame(COMPRESSED_TEXT, &of_two.deflate(&large))).unwrap();
            let small = "small ".repeat(300).into_bytes();
            two.write_all(&frame(COMPRESSED_TEXT, &of_two.deflate(&small))).unwrap();
            assert!(of_two.inflate(&read_frame(&mut two).unwrap().1) == large);
            assert!(of_two.inflate(&read_frame(&mut two).unwrap().1) == small);
            one.write_all(&frame(0x80, end)).unwrap();
            assert!(of_one.inflate(&read_frame(&mut one).unwrap().1) == large);
        }
    }
}

#[test]
fn a_bomb_is_1009_once_64_kib_of_it_have_come() {
    for takeover in [false, true] {
        let compression = Compression { context_takeover: takeover, ..Compression::default() };
        let server = Running::echo(compressing(compression));
        let whole = frame(0xc2, &bomb());
        let head = whole.len() - 100_000;
        let (mut socket, _) = client(&server, "");
        socket.write_all(&whole[..head + (64 << 10)]).unwrap();
        assert_eq!(close_code(&mut socket), 1009);
    }
}

#[test]
fn unfinished_messages_that_have_inflated_to_the_budget_have_others_put_together_first() {
    let limits = Limits { total_receive_bytes: 512 << 10, ..Limits::default() };
    let server = Running::echo(Config { limits, ..compressing(Compression::default()) });
    let answers = |socket: &mut TcpStream| {
        socket.write_all(&frame(0x89, b"p")).unwrap();
        assert_eq!(read_frame(socket), Some((0x8a, b"p".to_vec())));
    };
    let (mut large, _) = client(&server, "");
    let unfinished = Peer::new(false).deflate(&[vec![0; 700 << 10], noise(200_000)].concat());
    large.write_all(&frame(0x42, &unfinished[..80_000])).unwrap();
    answers(&mut large);
    let (mut late, _) = client(&server, "");
    late.write_all(&frame(0x42, &bomb()[..80_000])).unwrap();
    answers(&mut late);
    // The budget is there again when the first has gone.
    drop(large);
    wait("its end", || (server.closes().len() == 1).then_some(()));
    late.write_all(&frame(0x00, b"x")).unwrap();
    assert_eq!(close_code(&mut late), 1009);
}

#[test]
fn while_php_is_busy_a_client_is_held_back_by_what_its_messages_inflate_to() {
    let gate = Arc::new(AtomicBool::new(true));
    let server = Running::start(compressing(Compression::default()), gated(&gate));
    let (mut socket, _) = client(&server, "");
    let message = vec![b'x'; 100 << 10];
    let mut peer = Peer::new(false);
    // Some hundred bytes each on the wire, so that nothing but their size afterwards can hold them back.
    let deflated = frame(COMPRESSED_TEXT, &peer.deflate(&message));
    socket.write_all(&deflated.repeat(50)).unwrap();
    let counters = &server.hub.counters[0];
    wait("reading to pause", || (counters.reads_paused.get() >= 1).then_some(()));
    // 256 KiB (limits.receiveBytes): the third passes it.
    assert_eq!(counters.messages_received.get(), 3);
    gate.store(false, Ordering::SeqCst);
    for _ in 0..50 {
        let (_, echoed) = read_frame(&mut socket).unwrap();
        assert_eq!(peer.inflate(&echoed), message);
    }
}

#[test]
fn takeover_is_refused_where_messages_may_be_dropped_from_the_middle() {
    let limits = Limits { slow_consumer: SlowConsumer::DropOldest, ..Limits::default() };
    let compression = Compression { context_takeover: true, ..Compression::default() };
    let refused = Config { limits, ..compressing(compression) }.check();
    assert_eq!(refused.as_ref().map_err(ConfigError::option), Err("compression.contextTakeover"));
}
