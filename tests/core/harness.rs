//! A server with a consumer that is a closure, and clients.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

pub(crate) use ferrite::http::sample::HANDSHAKE;
use ferrite::{
    config::{Config, Heartbeat, Limits, Listen},
    frame::client,
    hub::Hub,
    port::{Delivery, Event, Interests, Outgoing, Publisher},
    runtime::Server,
    tls::Certificates,
};
use tokio_tungstenite::tungstenite::{self, WebSocket, client::IntoClientRequest};

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A running server and its consumer's thread.
pub(crate) struct Running {
    pub(crate) address: String,
    pub(crate) addresses: Vec<String>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) certificates: Option<Arc<Certificates>>,
    pub(crate) seen: Arc<Mutex<Vec<Event>>>,
    stop: Arc<AtomicBool>,
    waker: ferrite::queue::Waker,
    thread: Option<JoinHandle<()>>,
}

/// Options of a test server: loopback, a free port, no heartbeat.
pub(crate) fn config(shards: usize) -> Config {
    Config {
        listen: vec![Listen::parse("127.0.0.1:0").unwrap()],
        limits: Limits { max_connections: 5000, ..Limits::default() },
        heartbeat: Heartbeat { interval: None, ..Heartbeat::default() },
        io_threads: shards,
        ..Config::default()
    }
}

impl Running {
    /// Starts a server whose consumer does `on_event` for each event.
    pub(crate) fn start(
        config: Config,
        on_event: impl FnMut(&mut Publisher, &Event) + Send + 'static,
    ) -> Self {
        Self::start_with(config, false, Duration::from_secs(5), on_event)
    }

    /// The same, with a consumer that decides about handshakes if `handshakes`.
    pub(crate) fn start_with(
        config: Config,
        handshakes: bool,
        grace: Duration,
        on_event: impl FnMut(&mut Publisher, &Event) + Send + 'static,
    ) -> Self {
        let interests = Interests { handshakes, drains: true, ..Interests::default() };
        Self::start_for(config, interests, grace, on_event)
    }

    /// The same, with a consumer that wants what `interests` says.
    pub(crate) fn start_for(
        config: Config,
        interests: Interests,
        grace: Duration,
        mut on_event: impl FnMut(&mut Publisher, &Event) + Send + 'static,
    ) -> Self {
        let mut server = Server::start(config).unwrap();
        let addresses = server.addresses().to_vec();
        let hub = server.hub().clone();
        let certificates = server.certificates().cloned();
        let parts = server.take_consumer().unwrap();
        hub.set_interests(interests);
        let waker = parts.waker();
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (told, log) = (stop.clone(), seen.clone());
        let thread = std::thread::spawn(move || {
            let mut consumer = parts.assemble::<()>();
            let publisher = consumer.publisher();
            let mut told_shards = false;
            while !consumer.is_over() {
                if told.load(Ordering::SeqCst) && !std::mem::replace(&mut told_shards, true) {
                    consumer.stop(grace);
                }
                if consumer.has_events() {
                    consumer.serve_once();
                } else {
                    consumer.wait(Some(Instant::now() + Duration::from_millis(50)), None);
                }
                consumer.begin_batch();
                for _ in 0..256 {
                    let Some(Delivery { event, receipt }) = consumer.receive() else { break };
                    on_event(&mut publisher.borrow_mut(), &event);
                    drop(receipt);
                    log.lock().unwrap().push(event);
                }
                consumer.end_batch();
            }
            drop(server);
        });
        Self {
            address: addresses[0].clone(),
            addresses,
            hub,
            certificates,
            seen,
            stop,
            waker,
            thread: Some(thread),
        }
    }

    /// An echo server.
    pub(crate) fn echo(config: Config) -> Self {
        Self::start(config, echo)
    }

    /// A connected client.
    pub(crate) fn client(&self) -> Client {
        let (client, _) =
            tungstenite::client(self.address.as_str().into_client_request().unwrap(), self.socket()).unwrap();
        client
    }

    /// A TCP connection to the server, before any handshake.
    pub(crate) fn socket(&self) -> TcpStream {
        let socket = TcpStream::connect(self.address.rsplit('/').next().unwrap()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    }

    /// A TCP connection after a handshake made by hand: for what no client library would send.
    pub(crate) fn raw(&self) -> TcpStream {
        self.raw_with(HANDSHAKE).0
    }

    /// The same with a handshake of one's own; and the answer to it.
    pub(crate) fn raw_with(&self, handshake: &[u8]) -> (TcpStream, String) {
        let mut socket = self.socket();
        socket.write_all(handshake).unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            assert_eq!(socket.read(&mut byte).unwrap(), 1, "{}", String::from_utf8_lossy(&head));
            head.push(byte[0]);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        (socket, head)
    }

    /// Waits until the consumer has seen what `found` looks for.
    pub(crate) fn wait_for<T>(&self, what: &str, mut found: impl FnMut(&[Event]) -> Option<T>) -> T {
        wait(what, || found(&self.seen.lock().unwrap()))
    }

    /// The code and reason of every connection that has closed.
    pub(crate) fn closes(&self) -> Vec<(u16, String)> {
        let seen = self.seen.lock().unwrap();
        seen.iter()
            .filter_map(|event| match event {
                Event::Close { code, reason, .. } => Some((*code, reason.to_string())),
                _ => None,
            })
            .collect()
    }

    /// Tells the server to stop; the consumer goes on until it has.
    pub(crate) fn tell_stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.waker.wake();
    }

    /// Stops the server and waits until its threads are gone.
    pub(crate) fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.tell_stop();
        let thread = self.thread.take().unwrap();
        wait("the consumer to end", || thread.is_finished().then_some(()));
        thread.join().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some() && !std::thread::panicking() {
            self.end();
        }
    }
}

/// Sends every message back to its sender.
pub(crate) fn echo(publisher: &mut Publisher, event: &Event) {
    if let Event::Message { id, payload, binary } = event
        && let Some(member) = publisher.connection(*id)
    {
        publisher.send(&member, Outgoing::new(payload, *binary)).unwrap();
    }
}

pub(crate) type Client = WebSocket<TcpStream>;

/// Waits until `found` finds something; fails after [`PATIENCE`].
pub(crate) fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// A client frame with the mask 0, which leaves the payload readable.
pub(crate) fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    client::frame(first_byte, client::CLEAR, payload)
}

/// Reads one server frame: its first byte and its payload. `None` at the end of the stream.
pub(crate) fn read_frame(socket: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    socket.read_exact(&mut head).ok()?;
    let length = match head[1] {
        126 => {
            let mut length = [0; 2];
            socket.read_exact(&mut length).ok()?;
            u16::from_be_bytes(length).into()
        }
        127 => {
            let mut length = [0; 8];
            socket.read_exact(&mut length).ok()?;
            u64::from_be_bytes(length) as usize
        }
        length => length.into(),
    };
    let mut payload = vec![0; length];
    socket.read_exact(&mut payload).ok()?;
    Some((head[0], payload))
}

/// Reads until a close frame and gives its code; 0 if the stream ends without one.
pub(crate) fn close_code(socket: &mut TcpStream) -> u16 {
    while let Some((first, payload)) = read_frame(socket) {
        if first == 0x88 {
            return payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
        }
    }
    0
}
