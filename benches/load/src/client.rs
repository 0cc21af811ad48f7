//! One connection's work: raw frames over TCP, so that the generator costs less than any server.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    time::Instant,
};

use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Options;

/// What all connections count together.
pub struct Shared {
    count: Cell<u64>,
    measuring: Cell<bool>,
    finished: Cell<bool>,
    latencies: RefCell<Histogram<u64>>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            count: Cell::new(0),
            measuring: Cell::new(false),
            finished: Cell::new(false),
            latencies: RefCell::new(
                Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("a minute in nanoseconds"),
            ),
        }
    }
}

impl Shared {
    pub fn measure(&self) -> (u64, Instant) {
        self.measuring.set(true);
        (self.count.get(), Instant::now())
    }

    pub fn count(&self) -> u64 {
        self.count.get()
    }

    /// No new messages; those in flight are still awaited.
    pub fn finish(&self) {
        self.measuring.set(false);
        self.finished.set(true);
    }

    pub fn latencies(&self) -> Histogram<u64> {
        self.latencies.borrow().clone()
    }
}

/// Connects and shakes hands.
pub async fn connect(to: &str) -> Result<TcpStream, String> {
    let mut socket = TcpStream::connect(to).await.map_err(|e| format!("cannot connect to {to}: {e}"))?;
    socket.set_nodelay(true).map_err(|e| e.to_string())?;
    let request = format!(
        "GET /?load HTTP/1.1\r\nHost: {to}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.map_err(|e| e.to_string())?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await.map_err(|e| format!("no answer to the handshake: {e}"))?);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        return Err(format!("the handshake was refused: {}", String::from_utf8_lossy(&head)));
    }
    Ok(socket)
}

/// Keeps `window` messages in flight until told to finish, then waits for those that are.
pub async fn echo(
    mut socket: TcpStream,
    number: usize,
    options: Rc<Options>,
    shared: Rc<Shared>,
) -> Result<(), String> {
    let (mut sent, mut received) = (0_u64, 0_u64);
    let mut in_flight: VecDeque<Instant> = VecDeque::with_capacity(options.window);
    let mut out = Vec::new();
    let mut input = vec![0; 256 << 10];
    let mut held = 0;
    let mut expected = Vec::new();
    let header = if options.size < 126 { 2 } else { 4 };
    loop {
        out.clear();
        while in_flight.len() < options.window && !shared.finished.get() {
            push_frame(&mut out, &options, number, sent);
            in_flight.push_back(Instant::now());
            sent += 1;
        }
        if in_flight.is_empty() {
            return Ok(());
        }
        socket.write_all(&out).await.map_err(|e| e.to_string())?;
        let read = socket.read(&mut input[held..]).await.map_err(|e| e.to_string())?;
        if read == 0 {
            return Err(format!("connection {number} was closed with {} messages missing", in_flight.len()));
        }
        held += read;
        let mut at = 0;
        while held - at >= header + options.size {
            expected.clear();
            payload(&mut expected, options.size, number, received);
            let (head, body) = input[at..at + header + options.size].split_at(header);
            if body != expected || head[0] & 0x8F != 0x81 {
                return Err(format!("connection {number} expected message {received}, got something else"));
            }
            at += header + options.size;
            received += 1;
            if let Some(began) = in_flight.pop_front()
                && shared.measuring.get()
            {
                let nanos = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
                shared.latencies.borrow_mut().saturating_record(nanos);
            }
            shared.count.set(shared.count.get() + 1);
        }
        input.copy_within(at..held, 0);
        held -= at;
    }
}

/// A text that names its connection and its place, so that a lost or reordered one shows.
fn payload(out: &mut Vec<u8>, size: usize, number: usize, sequence: u64) {
    let from = out.len();
    out.resize(from + size, b'.');
    let mut digits = (number as u64 % 1000) * 1_000_000_000 + sequence % 1_000_000_000;
    for place in (from..from + 12).rev() {
        out[place] = b'0' + (digits % 10) as u8;
        digits /= 10;
    }
}

fn push_frame(out: &mut Vec<u8>, options: &Options, number: usize, sequence: u64) {
    out.push(0x81);
    if options.size < 126 {
        out.push(0x80 | options.size as u8);
    } else {
        out.push(0x80 | 126);
        out.extend((options.size as u16).to_be_bytes());
    }
    // A mask of zeros is as much work for the server as any other.
    out.extend([0; 4]);
    payload(out, options.size, number, sequence);
}
