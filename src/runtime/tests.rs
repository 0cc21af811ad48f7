//! One shard on a clock that the tests set: time that counts for deadlines, and time that does not.
//!
//! Long because every test here needs the shard and the clock at its top.

use std::{
    cell::RefCell,
    io::{ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::net::UnixStream,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use super::ManualShard;
use crate::{
    config::{Compression, Config, Heartbeat, Limits, Listen},
    frame::client,
    http::sample::HANDSHAKE,
    port::{ConnectionHandle, Consumer, Delivery, Event, Interests, Outgoing, Publisher},
    socket::{ListenerOptions, PeerAddress},
};

const SECOND: Duration = Duration::from_secs(1);
/// Interval at which the tests look; a sweep may lie between any two.
const LOOK: Duration = Duration::from_millis(250);

/// A shard, and the events that its consumer got.
struct Shard {
    driver: ManualShard,
    consumer: Consumer<()>,
    closes: Vec<u16>,
    messages: Vec<usize>,
    last: Option<Arc<ConnectionHandle>>,
}

impl Shard {
    fn new(limits: Limits, heartbeat: Heartbeat) -> Self {
        let listen = vec![Listen::parse("127.0.0.1:0").unwrap()];
        Self::with(Config { listen, limits, heartbeat, ..Config::default() })
    }

    /// One that inflates.
    fn compressing() -> Self {
        let listen = vec![Listen::parse("127.0.0.1:0").unwrap()];
        let config = Config {
            listen,
            compression: Some(Compression::default()),
            heartbeat: no_heartbeat(),
            ..Config::default()
        };
        Self::with(config)
    }

    fn with(config: Config) -> Self {
        let mut driver = ManualShard::new(config, 64 << 10).unwrap();
        let consumer = driver.take_consumer().unwrap().assemble();
        Self { driver, consumer, closes: Vec::new(), messages: Vec::new(), last: None }
    }

    fn publisher(&self) -> Rc<RefCell<Publisher>> {
        self.consumer.publisher()
    }

    /// Takes ticks until there is nothing to do.
    fn settle(&mut self) {
        while self.tick() {}
    }

    fn tick(&mut self) -> bool {
        let more = self.driver.tick();
        let mut heard = false;
        self.consumer.begin_batch();
        while let Some(Delivery { event, receipt }) = self.consumer.receive() {
            heard = true;
            match event {
                Event::Open { .. } => {
                    self.last = receipt.connection().map(|connected| connected.handle().clone());
                }
                Event::Message { payload, .. } => self.messages.push(payload.len()),
                Event::Close { code, .. } => self.closes.push(code),
                _ => {}
            }
        }
        self.consumer.end_batch();
        more || heard
    }

    /// Lets time pass, with a look now and then.
    fn watch(&mut self, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(LOOK);
            self.driver.pass(step, true);
            self.settle();
            left -= step;
        }
    }

    fn connect(&mut self) -> UnixStream {
        let client = self.driver.connect(PeerAddress::Unix, ListenerOptions::default()).unwrap();
        client.set_nonblocking(true).unwrap();
        client
    }

    fn client(&mut self) -> UnixStream {
        let mut client = self.connect();
        client.write_all(HANDSHAKE).unwrap();
        self.settle();
        read(&client, 1 << 20);
        client
    }

    /// A client over TCP whose system takes little in advance.
    fn tcp_client(&mut self) -> TcpStream {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        socket2::SockRef::from(&listener).set_recv_buffer_size(16 << 10).unwrap();
        // The small buffer is that of the accepting side.
        let server = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let mut client = listener.accept().unwrap().0;
        self.driver.connect_tcp(server).unwrap();
        client.write_all(HANDSHAKE).unwrap();
        client.set_nonblocking(true).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            self.settle();
            answer.extend(read(&client, 1 << 10));
        }
        client
    }

    fn send(&mut self, bytes: usize) {
        let connection = self.last.clone().unwrap();
        self.publisher().borrow_mut().send(&connection, Outgoing::new(&vec![b'x'; bytes], true)).unwrap();
        self.settle();
    }
}

/// The bytes that can be read, at most so many.
fn read(mut client: impl Read, most: usize) -> Vec<u8> {
    let mut bytes = vec![0; most];
    let mut length = 0;
    while length < most {
        match client.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    bytes.truncate(length);
    bytes
}

/// A client's frame.
fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    client::frame(first_byte, client::CLEAR, payload)
}

fn heartbeat() -> Heartbeat {
    Heartbeat { interval: Some(SECOND * 25), timeout: SECOND * 10 }
}

fn no_heartbeat() -> Heartbeat {
    Heartbeat { interval: None, ..heartbeat() }
}

/// A compressed "Hello" (RFC 7692 section 7.2.3.1).
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

#[test]
fn a_shard_that_has_no_time_does_one_thing_after_the_other_and_forgets_none() {
    let mut shard = Shard::new(Limits::default(), no_heartbeat());
    shard.driver.be_slow();
    let mut clients: Vec<_> = (0..20).map(|_| shard.connect()).collect();
    for client in &mut clients {
        client.write_all(HANDSHAKE).unwrap();
    }
    shard.settle();
    for client in &mut clients {
        assert!(read(&*client, 12).ends_with(b" 101"));
        read(&*client, 1 << 20);
        client.write_all(&frame(0x82, b"one").repeat(3)).unwrap();
    }
    shard.settle();
    assert_eq!(shard.messages, [3; 60]);
    for _ in 0..3 {
        shard.publisher().borrow_mut().broadcast(Outgoing::new(b"all", true), &[]).unwrap();
    }
    shard.settle();
    assert!(clients.iter().all(|client| read(client, 1 << 20) == b"\x82\x03all".repeat(3)));
    // All leave at once. A look takes two ticks.
    clients.clear();
    for closed in 1..=20 {
        while shard.closes.len() < closed {
            let before = shard.closes.len();
            assert!(shard.tick(), "{before} are all that were closed");
            assert!(shard.closes.len() <= before + 2, "{} at once", shard.closes.len() - before);
        }
    }
    assert!(shard.driver.sockets() == 0 && shard.closes == [1006; 20]);
}

#[test]
fn what_is_long_to_inflate_is_done_a_little_at_a_time_and_after_others() {
    let mut shard = Shard::compressing();
    shard.driver.be_slow();
    let offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
    let handshake = [&HANDSHAKE[..HANDSHAKE.len() - 2], offer].concat();
    let mut dear: Vec<_> = (0..5).map(|_| shard.connect()).collect();
    for client in &mut dear {
        client.write_all(&handshake).unwrap();
    }
    shard.settle();
    for client in &mut dear {
        assert!(String::from_utf8(read(&*client, 1 << 20)).unwrap().contains("permessage-deflate"));
    }
    let mut cheap = shard.client();
    for client in &mut dear {
        client.write_all(&frame(0xc2, HELLO).repeat(60)).unwrap();
    }
    let mut done = 0;
    while done < 300 {
        cheap.write_all(&frame(0x82, b"cheap one")).unwrap();
        // Six ticks, each with one of those that are ready and one of those that come later.
        (0..3).for_each(|_| _ = shard.tick());
        assert!(shard.messages.contains(&9), "after {done}");
        let messages = shard.messages.drain(..).filter(|bytes| *bytes == 5).count();
        assert!((1..=12).contains(&messages), "{messages} at once");
        done += messages;
    }
    shard.settle();
    assert_eq!((done, shard.messages.len()), (300, 0));
}

#[test]
fn who_answered_while_nobody_looked_is_alive() {
    let mut shard = Shard::new(Limits::default(), heartbeat());
    let mut clients: Vec<_> = (0..50).map(|_| shard.client()).collect();
    let mut pinged = 0;
    // As near to the end of the time to answer as can be.
    for _ in 0..(29 * 4) {
        shard.watch(LOOK);
        pinged = pinged.max(clients.iter().filter(|client| !read(*client, 100).is_empty()).count());
        if pinged > 0 {
            break;
        }
    }
    shard.watch(SECOND * 9 + LOOK * 2);
    for client in &mut clients {
        client.write_all(&frame(0x8a, b"")).unwrap();
    }
    for _ in 0..5 {
        shard.driver.pass(SECOND * 60, false);
        shard.settle();
    }
    shard.watch(LOOK * 4);
    assert_eq!(shard.closes, [0_u16; 0]);
    // A client that really is silent is found all the same.
    shard.watch(SECOND * 45);
    assert_eq!(shard.closes, [1006; 50]);
}

#[test]
fn a_handshake_that_came_whole_while_nobody_looked_is_answered() {
    let mut shard = Shard::new(Limits::default(), no_heartbeat());
    let mut early = shard.connect();
    shard.settle();
    shard.watch(SECOND * 5 - LOOK * 2);
    early.write_all(HANDSHAKE).unwrap();
    shard.driver.pass(SECOND * 600, false);
    shard.settle();
    assert!(read(&early, 12).ends_with(b" 101"));
    let late = shard.connect();
    shard.settle();
    shard.watch(SECOND * 5 + LOOK * 2);
    assert_eq!(read(&late, 12), b"");
    assert_eq!(shard.driver.sockets(), 1, "one that does not ask is given up as ever");
}

#[test]
fn who_read_what_waited_while_nobody_looked_is_not_too_slow() {
    let mut shard = Shard::new(Limits::default(), no_heartbeat());
    let client = shard.client();
    shard.send(900 << 10);
    shard.watch(SECOND * 10 - LOOK * 2);
    read(&client, 100 << 10);
    let stopped = shard.client();
    shard.send(900 << 10);
    shard.driver.pass(SECOND * 60, false);
    for _ in 0..8 {
        read(&client, 4 << 20);
        shard.watch(LOOK);
    }
    assert_eq!(shard.closes, [0_u16; 0]);
    shard.watch(SECOND * 11);
    assert_eq!(shard.closes, [1013], "who reads nothing while somebody looks is");
    read(&stopped, 1);
}

#[test]
fn who_keeps_to_its_rate_while_nobody_looks_is_not_over_it_afterwards() {
    let limits = Limits { message_rate: Some(10.0), receive_messages: 1000, ..Limits::default() };
    let mut shard = Shard::new(limits, no_heartbeat());
    let mut client = shard.client();
    for _ in 0..(9 * 30) {
        client.write_all(&frame(0x82, b"x")).unwrap();
    }
    shard.driver.pass(SECOND * 30, false);
    shard.settle();
    for _ in 0..30 {
        for _ in 0..9 {
            client.write_all(&frame(0x82, b"x")).unwrap();
        }
        shard.watch(SECOND);
    }
    assert_eq!((shard.messages.len(), shard.closes.as_slice()), (9 * 60, &[][..]));
    // The rate holds again.
    for _ in 0..13 {
        for _ in 0..30 {
            client.write_all(&frame(0x82, b"x")).unwrap();
        }
        shard.watch(SECOND);
    }
    assert_eq!(shard.closes, [1008]);
}

#[test]
fn a_message_may_be_interrupted_by_a_time_in_which_nobody_looks() {
    let mut shard = Shard::new(Limits::default(), no_heartbeat());
    let mut client = shard.client();
    client.write_all(&frame(0x02, b"one")).unwrap();
    shard.settle();
    shard.watch(SECOND * 29);
    client.write_all(&frame(0x80, b"two")).unwrap();
    shard.driver.pass(SECOND * 60, false);
    shard.settle();
    assert_eq!((shard.messages.as_slice(), shard.closes.len()), (&[6][..], 0));
}

/// Has a client read at so many bytes a second until it has `most`, or for an hour.
fn download(shard: &mut Shard, client: &TcpStream, a_second: usize, most: usize) -> usize {
    let mut taken = 0;
    for _ in 0..(3600 * 4) {
        if taken >= most || !shard.closes.is_empty() {
            break;
        }
        taken += read(client, a_second / 4).len();
        shard.watch(LOOK);
    }
    taken
}

#[test]
#[cfg(target_os = "linux")]
fn who_takes_what_is_before_the_ping_is_alive_however_long_that_is() {
    let mut shard = Shard::new(Limits::default(), heartbeat());
    let client = shard.tcp_client();
    shard.watch(SECOND * 20);
    shard.send(1 << 20);
    download(&mut shard, &client, 20_000, 1 << 20);
    assert_eq!(shard.closes, [0_u16; 0]);
    // The pings are there now; one that is not answered costs the connection as ever.
    shard.watch(SECOND * 40);
    assert_eq!(shard.closes, [1006]);
}

#[test]
#[cfg(target_os = "linux")]
fn who_acknowledges_is_not_too_slow_however_seldom_the_system_says_that_there_is_room() {
    let limits = Limits { send_timeout: Some(SECOND * 3), ..Limits::default() };
    let mut shard = Shard::new(limits, no_heartbeat());
    let client = shard.tcp_client();
    shard.send(8 << 20);
    let taken = download(&mut shard, &client, 100_000, 8 << 20);
    assert_eq!((shard.closes.len(), taken >= 8 << 20), (0, true), "{taken}");
    shard.send(8 << 20);
    shard.watch(SECOND * 4);
    assert_eq!(shard.closes, [1013], "who takes nothing is");
}

#[test]
#[cfg(target_os = "linux")]
fn a_close_waits_for_who_still_takes_what_was_sent_before() {
    let mut shard = Shard::new(Limits::default(), no_heartbeat());
    let client = shard.tcp_client();
    shard.send(4 << 20);
    let connection = shard.last.clone().unwrap();
    shard.publisher().borrow_mut().close(&connection, 1000, "");
    shard.settle();
    let taken = download(&mut shard, &client, 100_000, 4 << 20);
    assert_eq!((shard.closes.len(), taken >= 4 << 20), (0, true), "{taken}");
    shard.watch(SECOND * 3);
    assert_eq!((shard.closes.as_slice(), shard.driver.sockets()), (&[1000][..], 0));
}

#[test]
#[cfg(target_os = "linux")]
fn a_program_that_hangs_is_found_out_though_its_system_acknowledges_pings() {
    let heartbeat = Heartbeat { interval: Some(SECOND * 2), timeout: SECOND * 10 };
    let mut shard = Shard::new(Limits::default(), heartbeat);
    let _client = shard.tcp_client();
    for _ in 0..14 {
        shard.send(10);
        shard.watch(SECOND);
    }
    assert_eq!(shard.closes, [1006]);
}

/// Uploads a message in pieces, and says whether it has arrived.
fn upload(first_bytes: &[u8], bytes: usize, a_second: usize) -> bool {
    let limits = Limits {
        max_message_size: 64 << 20,
        receive_bytes: 64 << 20,
        max_request_body: 64 << 20,
        ..Limits::default()
    };
    let mut shard = Shard::new(limits, no_heartbeat());
    shard.consumer.set_interests(Interests { requests: true, ..Interests::default() });
    let mut client = if first_bytes.starts_with(b"POST") { shard.connect() } else { shard.client() };
    client.write_all(first_bytes).unwrap();
    let mut sent = 0;
    while sent < bytes {
        let piece = (a_second / 4).min(bytes - sent);
        if client.write_all(&vec![0; piece]).is_err() {
            return false;
        }
        sent += piece;
        shard.watch(LOOK);
        if shard.driver.sockets() == 0 || !shard.closes.is_empty() {
            return false;
        }
    }
    true
}

fn head_of_a_message(bytes: usize) -> Vec<u8> {
    client::header(0x82, client::CLEAR, bytes as u64)
}

#[test]
fn a_message_may_arrive_as_slowly_as_its_network_is() {
    for (bytes, a_second) in [(2 << 20, 56 << 10), (2 << 20, 16 << 10), (64 << 10, 1100)] {
        assert!(upload(&head_of_a_message(bytes), bytes, a_second), "{bytes} at {a_second}");
    }
    assert!(!upload(&head_of_a_message(64 << 10), 64 << 10, 400), "but not drop by drop");
}

#[test]
fn a_body_may_arrive_as_slowly_as_its_network_is() {
    let head = |bytes: usize| format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {bytes}\r\n\r\n");
    for (bytes, a_second) in [(2 << 20, 56 << 10), (256 << 10, 10 << 10)] {
        assert!(upload(head(bytes).as_bytes(), bytes, a_second), "{bytes} at {a_second}");
    }
    assert!(!upload(head(256 << 10).as_bytes(), 256 << 10, 2 << 10), "but not drop by drop");
}
