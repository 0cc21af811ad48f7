//! A whole connection through a shard: PHP's events and the client's bytes are those that the parts, which have
//! targets of their own, make of the same input.
//!
//! Input: options (two bits: the server; 4: a request is made for it; the rest are `Play`'s), cuts, the client's
//! bytes.
//!
//! Long because it predicts everything that a connection does, to compare.

#![no_main]

use std::{
    cell::RefCell,
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown},
    os::unix::net::UnixStream,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use ferrite::{
    config::{Compression, Config, Heartbeat, Limits, Listen, Origins, PerAddress, TrustedProxies},
    deflate::{Agreement, Codec, Contexts, InflateError, Inflater},
    frame::{CloseFrame, DecodeLimits, Decoder, Payloads, Received, Violation},
    http::{self, HeadLimits, HeadReader, Request, UpgradeRules, parse_upgrade, switching_protocols},
    port::{
        Accept, ConnectionHandle, ConnectionId, Consumer, Delivery, Event, Interests, Outgoing, Publisher,
        Reject, SendResult,
    },
    runtime::ManualShard,
    socket::{ListenerOptions, PeerAddress, ProxyHeader},
};
use ferrite_fuzz::{Cuts, Input, frames};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    thread_local! {
        static SERVERS: [RefCell<Option<Server>>; 4] = const { [const { RefCell::new(None) }; 4] };
    }
    let mut input = Input::new(data);
    let options = input.byte();
    let mut cuts = input.cuts();
    let mut stream = Vec::new();
    if options & 4 != 0 {
        stream.extend(if options & 3 == 3 { PROXIED } else { b"" });
        stream.extend(REQUEST);
        cuts = cuts.behind(stream.len());
    }
    stream.extend(input.rest());
    if stream.len() > LONGEST {
        return;
    }
    let server = usize::from(options & 3);
    SERVERS.with(|servers| {
        let mut place = servers[server].borrow_mut();
        let server = place.get_or_insert_with(|| Server::new(config(server)));
        Play::new(server, options).perform(&stream, cuts);
    });
});

/// A shard and its consumer.
struct Server {
    driver: ManualShard,
    consumer: Consumer<()>,
    config: Config,
}

impl Server {
    fn new(config: Config) -> Self {
        let mut driver = ManualShard::new(config.clone(), PART).expect("a shard");
        let consumer = driver.take_consumer().expect("a consumer").assemble();
        Self { driver, consumer, config }
    }
}

/// The servers: plain, with compression without and with context takeover, behind a proxy.
fn config(server: usize) -> Config {
    let forever = Duration::from_secs(1 << 20);
    Config {
        listen: vec![Listen::parse("127.0.0.1:0").expect("an address")],
        limits: Limits {
            max_message_size: 1024,
            max_connections: 16,
            max_connections_per_address: PerAddress::Off,
            connect_rate_per_address: PerAddress::Off,
            handshake_timeout: forever,
            close_timeout: forever,
            send_timeout: None,
            // Soon used up.
            receive_messages: 4,
            receive_bytes: 2048,
            total_receive_bytes: 4096,
            ..Limits::default()
        },
        heartbeat: Heartbeat { interval: None, ..Heartbeat::default() },
        compression: matches!(server, 1 | 2).then(|| Compression {
            threshold: 8,
            context_takeover: server == 2,
            window_bits: if server == 2 { 10 } else { 15 },
            ..Compression::default()
        }),
        origins: Origins::SameHost,
        protocols: vec!["chat".into()],
        trusted_proxies: match server {
            3 => TrustedProxies::parse(&["10.0.0.0/8".into()]).expect("a network"),
            _ => TrustedProxies::default(),
        },
        ..Config::default()
    }
}

/// One connection, and the observations of it.
struct Play<'a> {
    driver: &'a mut ManualShard,
    consumer: &'a mut Consumer<()>,
    publisher: Rc<RefCell<Publisher>>,
    config: &'a Config,
    listener: ListenerOptions,
    options: u8,
    client: Option<UnixStream>,
    /// The bytes that the client got.
    output: Vec<u8>,
    handshake: Option<(Request, Option<String>)>,
    open: Option<(ConnectionId, Arc<ConnectionHandle>, Option<Request>)>,
    messages: Vec<(Bytes, bool)>,
    closed: Option<(u16, Box<str>)>,
}

/// The application decides about handshakes.
const DECIDES: u8 = 8;
/// It says no.
const REJECTS: u8 = 16;
/// It pauses reading until everything has been sent.
const PAUSES: u8 = 32;
/// It closes at the first message.
const CLOSES: u8 = 64;
/// The client does not wait for an answer to its end.
const VANISHES: u8 = 128;

impl<'a> Play<'a> {
    fn new(Server { driver, consumer, config }: &'a mut Server, options: u8) -> Self {
        let handshakes = options & DECIDES != 0;
        consumer.set_interests(Interests { handshakes, drains: true, ..Interests::NONE });
        Self {
            driver,
            publisher: consumer.publisher(),
            consumer,
            config,
            listener: ListenerOptions { proxy_protocol: options & 3 == 3, ..ListenerOptions::default() },
            options,
            client: None,
            output: Vec::new(),
            handshake: None,
            open: None,
            messages: Vec::new(),
            closed: None,
        }
    }

    fn is(&self, option: u8) -> bool {
        self.options & option != 0
    }

    fn perform(mut self, stream: &[u8], cuts: Cuts) {
        let client = self.driver.connect(PeerAddress::Ip(CLIENT), self.listener).expect("a socket");
        client.set_nonblocking(true).expect("a socket");
        self.client = Some(client);
        let mut sent = 0;
        for end in cuts.ends(stream).take(PIECES).chain([stream.len()]) {
            if sent < end && !self.send(&stream[sent..end]) {
                break;
            }
            sent = end;
            self.settle();
        }
        if let Some((_, member, _)) = self.open.as_ref().filter(|_| self.is(PAUSES)) {
            self.publisher.borrow_mut().resume(member);
            self.settle();
        }
        if self.is(VANISHES) {
            self.client = None;
        } else if let Some(client) = &self.client {
            // It may be closed already.
            let _ = client.shutdown(Shutdown::Write);
        }
        self.settle();
        self.check(stream);
    }

    /// False if the server has closed.
    fn send(&mut self, bytes: &[u8]) -> bool {
        let Some(client) = &mut self.client else { return false };
        match client.write(bytes) {
            Ok(written) => assert_eq!(written, bytes.len(), "more than a socket holds"),
            Err(error) => {
                assert!(
                    matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset),
                    "{error}"
                );
                return false;
            }
        }
        true
    }

    /// Lets everything happen that is to happen now.
    fn settle(&mut self) {
        for _ in 0..RESTLESS {
            let more = self.driver.tick();
            // Bytes for the client cause no further work; events for the application may.
            self.receive();
            if !self.hear() && !more {
                return;
            }
        }
        panic!("the shard does not come to rest");
    }

    /// Takes the events that wait, as an application does. False if there is none.
    fn hear(&mut self) -> bool {
        let mut any = false;
        self.consumer.begin_batch();
        while let Some(delivery) = self.consumer.receive() {
            any = true;
            self.take(delivery);
        }
        self.consumer.end_batch();
        any
    }

    fn take(&mut self, Delivery { event, receipt }: Delivery<()>) {
        match event {
            Event::Handshake { id, handshake } => {
                assert!(self.is(DECIDES) && self.handshake.is_none() && self.open.is_none());
                let protocol = handshake.protocol.clone();
                self.handshake = Some((handshake.request, handshake.protocol));
                if self.is(REJECTS) {
                    let reject = Reject { status: 403, body: REJECTED.to_vec(), headers: Vec::new() };
                    self.publisher.borrow_mut().reject(id, reject);
                } else {
                    self.publisher.borrow_mut().accept(id, Accept { protocol, ..Accept::default() });
                }
            }
            Event::Open { id, opened } => {
                assert!(self.open.is_none(), "a second opening");
                assert_eq!(self.handshake.is_some(), self.is(DECIDES));
                let member =
                    receipt.connection().expect("a connection that has just opened").handle().clone();
                if self.is(PAUSES) {
                    self.publisher.borrow_mut().pause(&member);
                }
                self.open = Some((id, member, opened.request));
            }
            Event::Message { id, payload, binary } => {
                let member = self.member(id);
                assert!(binary || std::str::from_utf8(&payload).is_ok(), "a text that is none");
                let sent = self.publisher.borrow_mut().send(&member, Outgoing::new(&payload, binary));
                assert!(matches!(sent, Ok(SendResult::Queued | SendResult::Buffered | SendResult::Closed)));
                if self.is(CLOSES) && self.messages.is_empty() {
                    self.publisher.borrow_mut().close(&member, CLOSE.0, CLOSE.1);
                }
                self.messages.push((payload, binary));
            }
            Event::Drain { id } => {
                self.member(id);
            }
            Event::Close { id, code, reason } => {
                self.member(id);
                self.closed = Some((code, reason));
            }
            Event::Log(_) => {}
            event => panic!("{event:?}"),
        }
    }

    /// The member of an event that only an open connection has.
    fn member(&self, id: ConnectionId) -> Arc<ConnectionHandle> {
        let (open, member, _) = self.open.as_ref().expect("an event of nobody");
        assert_eq!(*open, id);
        assert!(self.closed.is_none(), "an event after the close");
        member.clone()
    }

    /// Reads all that has come.
    fn receive(&mut self) {
        let Some(client) = &mut self.client else { return };
        let mut buffer = [0; 1 << 10];
        loop {
            match client.read(&mut buffer) {
                Ok(length) => {
                    self.output.extend(&buffer[..length]);
                    if length < buffer.len() {
                        return;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Its own bytes were not read.
                Err(error) => return assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            }
        }
    }

    fn check(&mut self, stream: &[u8]) {
        assert_eq!(self.driver.sockets(), 0, "a socket is left");
        assert_eq!(self.driver.waiting(), 0, "bytes are counted that nobody waits for");
        let registry = &self.driver.hub().registry;
        assert_eq!((registry.open(), registry.held()), (0, 0), "somebody is still known");

        self.output = undated(&self.output);
        match self.expected(stream) {
            Expected::Nothing => self.check_unopened(b""),
            Expected::Refused(response) => self.check_unopened(&response),
            Expected::Asked { request, protocol, .. } if self.is(DECIDES) && self.is(REJECTS) => {
                assert_eq!(self.handshake, Some((request, protocol)));
                self.check_opened_never();
                self.check_output(&http::rejection(403, REJECTED, &[]));
            }
            Expected::Asked { request, protocol, response, deflate, said, end } => {
                let (_, _, opened) = self.open.as_ref().expect("it has opened");
                match &self.handshake {
                    Some(handshake) => assert_eq!((handshake, opened), (&(request, protocol), &None)),
                    None => assert_eq!(opened.as_ref(), Some(&request)),
                }
                self.check_messages(&said, &end);
                self.check_close(&end);
                if !self.is(VANISHES) {
                    let frames = self.output.strip_prefix(&response[..]).expect("the answer comes first");
                    self.check_frames(frames, deflate, &said, &end);
                }
            }
        }
    }

    fn check_unopened(&self, response: &[u8]) {
        assert!(self.handshake.is_none());
        self.check_opened_never();
        self.check_output(response);
    }

    fn check_opened_never(&self) {
        assert!(self.open.is_none() && self.closed.is_none() && self.messages.is_empty());
    }

    fn check_output(&self, expected: &[u8]) {
        assert!(self.output == expected, "{}", self.output.escape_ascii());
    }

    fn check_messages(&self, said: &[Said], end: &End) {
        let expected = said.iter().filter_map(|said| match said {
            Said::Message(payload, binary) => Some((payload, *binary)),
            Said::Ping(_) => None,
        });
        let heard = self.messages.iter().map(|(payload, binary)| (payload, *binary));
        assert!(expected.clone().take(self.messages.len()).eq(heard), "other messages than were sent");
        // The application gets no messages after it closed, or while it pauses and the client ends.
        if !self.is(CLOSES) {
            assert_eq!(self.messages.len(), expected.count(), "not all messages, before {end:?}");
        }
    }

    fn check_close(&self, end: &End) {
        let (code, reason) = self.closed.as_ref().expect("it has closed");
        let expected = end.close();
        let server = self.is(CLOSES) && !self.messages.is_empty() && (*code, &**reason) == CLOSE;
        assert!(server || (*code, &**reason) == (expected.0, &expected.1), "{code} {reason} for {end:?}");
    }

    fn check_frames(&self, bytes: &[u8], deflate: Option<Agreement>, said: &[Said], end: &End) {
        let (frames, rest) = frames::read(bytes, deflate.is_some());
        assert!(rest.is_empty(), "it ends within a frame");
        let mut inflater = Inflater::new(15);
        let (mut echoes, mut pongs, mut close) = (Vec::new(), Vec::new(), None);
        for frame in frames {
            match frame.opcode {
                1 | 2 if frame.compressed => {
                    echoes.push((inflater.finish(frame.payload, 1 << 20).unwrap().into(), frame.opcode == 2));
                    if deflate.is_some_and(|agreement| !agreement.server_takeover) {
                        inflater.reset();
                    }
                }
                1 | 2 => echoes.push((Bytes::copy_from_slice(frame.payload), frame.opcode == 2)),
                8 => close = Some(frame.payload),
                9 => panic!("nobody asked for a ping"),
                _ => pongs.push(frame.payload),
            }
        }
        assert!(echoes.len() <= self.messages.len());
        assert_eq!(echoes[..], self.messages[..echoes.len()], "other echoes than messages");
        let pings = said.iter().filter_map(|said| match said {
            Said::Ping(payload) => Some(&payload[..]),
            Said::Message(..) => None,
        });
        let mut left = pings.clone();
        assert!(pongs.iter().all(|pong| left.any(|ping| ping == *pong)), "a pong that nobody asked for");

        let (code, reason) = self.closed.as_ref().expect("it has closed");
        if self.is(CLOSES) && !self.messages.is_empty() {
            return assert_eq!(close.is_some(), *code != 1006);
        }
        match end {
            End::Silent => assert_eq!(close, None),
            End::Closed(frame) => {
                let code = frame.as_ref().map(|frame| frame.code.to_be_bytes());
                assert_eq!(close, Some(code.as_ref().map_or(&[][..], |code| code)));
            }
            End::Violated(_) => {
                let close = close.expect("a close frame says why");
                assert_eq!(frames::close_code(close), *code);
                assert_eq!(&close[2..], reason.as_bytes());
                assert_eq!(echoes.len(), self.messages.len(), "the answers come before the close");
            }
        }
        if *end != End::Silent && pings.clone().count() <= ALL_PONGS {
            assert_eq!(pongs.len(), pings.count(), "a ping without a pong");
        }
    }

    /// The outcome of the parts for the stream.
    fn expected(&self, stream: &[u8]) -> Expected {
        let mut rest = stream;
        let mut peer = http::Peer { address: Some(CLIENT), secure: false };
        if self.listener.proxy_protocol {
            let Ok(Some(header)) = ProxyHeader::parse(rest) else { return Expected::Nothing };
            rest = &rest[header.length..];
            peer.secure = header.secure;
            if let Some(source) = header.source {
                peer.address = source.ip();
            }
        }
        let limits = HeadLimits::default();
        let length = match HeadReader::new().advance(rest, &limits) {
            Ok(Some(length)) => length,
            Ok(None) => return Expected::Nothing,
            Err(refusal) => return Expected::Refused(refusal.to_response(http::is_head(rest))),
        };
        let (head, rest) = rest.split_at(length);
        let rules = UpgradeRules {
            origins: &self.config.origins,
            protocols: &self.config.protocols,
            trusted_proxies: &self.config.trusted_proxies,
            compression: self.config.compression.as_ref(),
            limits: &limits,
        };
        let upgrade = match parse_upgrade(head, peer, &rules) {
            Ok(upgrade) => upgrade,
            Err(refusal) => return Expected::Refused(refusal.to_response(http::is_head(head))),
        };
        let mut response = Vec::new();
        let (protocol, deflate) = (upgrade.protocol, upgrade.deflate);
        switching_protocols(&mut response, &upgrade.accept_key, protocol.as_deref(), deflate.as_ref(), &[]);
        let (said, end) = read_frames(rest, self.config.limits.max_message_size, deflate);
        Expected::Asked { request: upgrade.request, protocol, response, deflate, said, end }
    }
}

/// The answer without its Date, which nobody can foresee.
fn undated(output: &[u8]) -> Vec<u8> {
    let Some(start) = output.windows(8).position(|bytes| bytes == b"\r\nDate: ") else {
        return output.to_vec();
    };
    let end = start + 8 + output[start + 8..].iter().position(|byte| *byte == b'\r').expect("a whole line");
    [&output[..start], &output[end..]].concat()
}

/// The expected outcome of a stream.
enum Expected {
    /// There is nobody to answer.
    Nothing,
    Refused(Vec<u8>),
    Asked {
        request: Request,
        protocol: Option<String>,
        response: Vec<u8>,
        deflate: Option<Agreement>,
        said: Vec<Said>,
        end: End,
    },
}

enum Said {
    Message(Bytes, bool),
    Ping(Bytes),
}

#[derive(Debug, PartialEq)]
enum End {
    Silent,
    Closed(Option<CloseFrame>),
    Violated(Violation),
}

impl End {
    /// The close event of the application.
    fn close(&self) -> (u16, String) {
        match self {
            Self::Silent => (1006, String::new()),
            Self::Closed(None) => (1005, String::new()),
            Self::Closed(Some(frame)) => {
                (frame.code, String::from_utf8(frame.reason.to_vec()).expect("a text"))
            }
            Self::Violated(violation) => (violation.close_code(), violation.to_string()),
        }
    }
}

fn read_frames(stream: &[u8], max_message: usize, deflate: Option<Agreement>) -> (Vec<Said>, End) {
    let limits = DecodeLimits { max_message, deflate: deflate.is_some(), part: PART };
    let (mut decoder, mut bytes, mut said) = (Decoder::new(), BytesMut::from(stream), Vec::new());
    let (mut codec, mut whole) = (Codec::new(1), deflate.map(Contexts::new));
    // The same connection once more, and the state of a message that it inflates as it arrives.
    let (mut in_parts, mut parts) = (deflate.map(Contexts::new), Vec::new());
    let mut payloads = Payloads::default();
    loop {
        match decoder.next(&mut bytes, &mut payloads, &limits) {
            Ok(None) => return (said, End::Silent),
            Err(violation) => return (said, End::Violated(violation)),
            Ok(Some(Received::Close(close))) => return (said, End::Closed(close)),
            Ok(Some(Received::Ping(payload))) => said.push(Said::Ping(payload)),
            Ok(Some(Received::Pong(_))) => {}
            Ok(Some(Received::Part(part))) => {
                parts.extend(&part);
                let contexts = in_parts.as_mut().expect("it was agreed on");
                if let Err(error) = codec.inflate_part(contexts, &part, max_message) {
                    return (said, End::Violated(violation(error, max_message)));
                }
            }
            Ok(Some(Received::Message { payload, binary, compressed: false })) => {
                said.push(Said::Message(payload, binary));
            }
            Ok(Some(Received::Message { payload, binary, .. })) => {
                parts.extend(&payload);
                let contexts = in_parts.as_mut().expect("it was agreed on");
                let inflated = codec.inflate(contexts, &payload, max_message);
                let contexts = whole.as_mut().expect("it was agreed on");
                assert_eq!(codec.inflate(contexts, &std::mem::take(&mut parts), max_message), inflated);
                let violation = match inflated {
                    Ok(message) if binary || std::str::from_utf8(&message).is_ok() => {
                        said.push(Said::Message(message.into(), binary));
                        continue;
                    }
                    Ok(_) => Violation::InvalidUtf8,
                    Err(error) => violation(error, max_message),
                };
                return (said, End::Violated(violation));
            }
        }
    }
}

fn violation(error: InflateError, limit: usize) -> Violation {
    match error {
        InflateError::TooBig => Violation::MessageTooBig { limit },
        InflateError::Corrupt => Violation::Corrupt,
        InflateError::Hollow => Violation::Hollow,
    }
}

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));
const PROXIED: &[u8] = b"PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n";
const REQUEST: &[u8] = b"GET /chat?a=b HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
const REJECTED: &[u8] = b"no\n";
const CLOSE: (u16, &str) = (4000, "enough");
/// Bytes from which on a compressed message is inflated while it arrives.
const PART: usize = 100;
/// Streams beyond this would not fit into a socket.
const LONGEST: usize = 32 << 10;
/// Pieces in which a stream is sent, besides the one that is left then.
const PIECES: usize = 12;
/// Turns without a rest that no input can need.
const RESTLESS: usize = 10_000;
/// Pings up to which each has a pong of its own.
const ALL_PONGS: usize = 32;
