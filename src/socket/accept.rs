//! Accepting without ever spinning: a process at its file limit still answers, and then waits.

use std::{
    fs::File,
    io::{self, Read},
    net::Shutdown,
    os::fd::OwnedFd,
    task::{Context, Poll},
};

use socket2::Socket;

use super::{Gate, ListenerOptions, Listening, NO_SIGNAL, PeerAddress, Stream};
use crate::descriptors::placed;

/// The listening sockets of one shard.
#[derive(Debug)]
pub struct Acceptor {
    listeners: Vec<Open>,
    /// A descriptor held back, so that one is free to tell a client that there is none.
    reserve: Option<OwnedFd>,
}

/// The reason for turning a client away before its request is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The server has as many connections as it may have.
    Full,
    /// The address has, or makes, more connections than it may.
    Address,
}

/// A client that has connected.
#[derive(Debug)]
pub struct Arrival {
    /// Its socket.
    pub stream: Stream,
    /// Where it connects from.
    pub address: PeerAddress,
    /// The options of the address that it connected to.
    pub options: ListenerOptions,
}

/// A [`Listening`] socket in tokio's hands.
#[derive(Debug)]
struct Open {
    gate: Gate,
    options: ListenerOptions,
    passed: bool,
}

impl Acceptor {
    /// Takes listening sockets over. Within a tokio runtime.
    pub fn new(sockets: Vec<Listening>) -> io::Result<Self> {
        let listeners = sockets
            .into_iter()
            .map(|listening| {
                let (options, passed) = (listening.options, listening.passed);
                Ok(Open { gate: Gate::new(listening)?, options, passed })
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { listeners, reserve: reserve() })
    }

    /// The next client. `Pending` when no listener has one; an error that is not about one client
    /// (out of descriptors, out of memory) means: pause before the next call.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Arrival>> {
        for place in 0..self.listeners.len() {
            let Some(Open { gate, options, .. }) = self.listeners.get(place) else { break };
            let options = *options;
            loop {
                match gate.poll_accept(cx) {
                    Poll::Pending => break,
                    // The client gave up while it waited: the next one may be there.
                    Poll::Ready(Err(e)) if is_about_one_client(&e) => {}
                    Poll::Ready(accepted) => {
                        // The others come first next time: a flood at one must not starve them.
                        self.listeners.rotate_left(place + 1);
                        let arrival =
                            |(plain, address)| Arrival { stream: Stream::new(plain), address, options };
                        return Poll::Ready(accepted.map(arrival));
                    }
                }
            }
        }
        Poll::Pending
    }

    /// Before the end: releases sockets that another process holds open. Clients that wait there are left to the next
    /// server.
    pub fn leave_passed(&mut self) {
        self.listeners.retain(|open| !open.passed);
    }

    /// After an accept failed for want of a descriptor: uses the reserve to answer one client with
    /// 503 instead of leaving it to hang. True if there was one.
    pub fn refuse_one(&mut self, cx: &mut Context<'_>, date: &str) -> bool {
        if self.reserve.take().is_none() {
            return false;
        }
        let mut refused = false;
        if let Poll::Ready(Ok(arrival)) = self.poll_accept(cx) {
            turn_away(arrival.stream, arrival.options.tls, Refusal::Full, date);
            refused = true;
        }
        self.reserve = reserve();
        refused
    }

    /// Takes the reserve back if it could not be had before.
    pub fn restore_reserve(&mut self) {
        if self.reserve.is_none() {
            self.reserve = reserve();
        }
    }
}

/// Answers a client that is not let in, at no lasting cost: one write, a few reads, no waiting. `tls`: it expects the
/// handshake of TLS, which would cost too much for an answer. `date` is the value of the header.
pub fn turn_away(stream: Stream, tls: bool, refusal: Refusal, date: &str) {
    let (status, body) = match refusal {
        Refusal::Full => ("503 Service Unavailable", "The server is full\n"),
        Refusal::Address => ("429 Too Many Requests", "Too many connections of your address\n"),
    };
    let response = if tls {
        // The alert "internal_error" (RFC 8446 section 6).
        b"\x15\x03\x03\0\x02\x02\x50".to_vec()
    } else {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nDate: {date}\r\nConnection: close\r\nRetry-After: 5\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    };
    let socket = stream.as_socket();
    let mut socket: &Socket = &socket;
    // A client that cannot even take this gets nothing. Its bytes are read, for a close with unread bytes is a reset,
    // and a reset may overtake the answer.
    let _ = socket.send_with_flags(&response, NO_SIGNAL);
    let _ = socket.shutdown(Shutdown::Write);
    let mut unread = [0; 4096];
    for _ in 0..READS {
        // A client that has sent less than there is room for has sent no more.
        if !matches!(socket.read(&mut unread), Ok(4096)) {
            break;
        }
    }
}

/// As much as a request head may have by default, and a little more.
const READS: usize = 5;

fn reserve() -> Option<OwnedFd> {
    placed(|| File::open("/dev/null").map(OwnedFd::from)).ok()
}

fn is_about_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

#[cfg(test)]
mod tests {
    use std::{net::SocketAddr, task::Waker};

    use super::{super::Transport, *};

    #[cfg(target_os = "linux")]
    #[test]
    fn writing_to_who_is_gone_raises_no_signal() {
        use std::future::poll_fn;

        use nix::sys::{
            signal::{SigSet, Signal},
            signalfd::{SfdFlags, SignalFd},
        };

        let gone = || {
            let (client, server) = std::os::unix::net::UnixStream::pair().unwrap();
            drop(client);
            server.set_nonblocking(true).unwrap();
            Stream::new(Transport::Unix(tokio::net::UnixStream::from_std(server).unwrap()))
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        // Blocked, the signal stays where it can be seen.
        let signals = SigSet::from(Signal::SIGPIPE);
        let before = signals.thread_swap_mask(nix::sys::signal::SigmaskHow::SIG_BLOCK).unwrap();
        let pending = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK).unwrap();
        runtime.block_on(async {
            turn_away(gone(), false, Refusal::Full, "now");
            assert!(pending.read_signal().unwrap().is_none(), "raised by turning away");
            let mut gone = gone();
            let stream = &mut gone.plain;
            assert!(poll_fn(|cx| stream.poll_write(cx, b"x")).await.is_err());
            assert!(pending.read_signal().unwrap().is_none(), "raised by a write");
            let slices = [io::IoSlice::new(b"x"), io::IoSlice::new(b"y")];
            assert!(poll_fn(|cx| stream.poll_write_vectored(cx, &slices)).await.is_err());
            assert!(pending.read_signal().unwrap().is_none(), "raised by a vectored write");
        });
        before.thread_set_mask().unwrap();
    }

    #[test]
    fn who_is_turned_away_after_a_whole_request_head_gets_an_answer_and_no_reset() {
        use std::io::Write;

        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _context = runtime.enter();
        let (mut client, server) = std::os::unix::net::UnixStream::pair().unwrap();
        client.write_all(&[b'x'; 16 << 10]).unwrap();
        server.set_nonblocking(true).unwrap();
        let server = tokio::net::UnixStream::from_std(server).unwrap();
        turn_away(Stream::new(Transport::Unix(server)), false, Refusal::Full, "now");
        let mut answer = String::new();
        client.read_to_string(&mut answer).unwrap();
        assert!(answer.ends_with("The server is full\n"), "{answer}");
    }

    #[test]
    fn who_waits_at_a_passed_socket_is_left_to_the_next_server() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _context = runtime.enter();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let passed = || Listening::new(socket.try_clone().unwrap().into(), ListenerOptions::default(), true);
        let mut ending = Acceptor::new(vec![passed()]).unwrap();
        let mut next = Acceptor::new(vec![passed()]).unwrap();
        let _client = std::net::TcpStream::connect(socket.local_addr().unwrap()).unwrap();
        ending.leave_passed();
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            assert!(ending.poll_accept(&mut cx).is_pending());
            if let Poll::Ready(accepted) = next.poll_accept(&mut cx) {
                accepted.unwrap();
                break;
            }
            runtime.block_on(tokio::task::yield_now());
        }
    }

    #[test]
    fn clients_of_one_address_do_not_starve_those_of_another() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let _context = runtime.enter();
        let sockets: Vec<_> = (0..2)
            .map(|_| {
                let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
                socket.set_nonblocking(true).unwrap();
                Listening::new(socket.into(), ListenerOptions::default(), false)
            })
            .collect();
        let addresses: Vec<SocketAddr> =
            sockets.iter().map(|s| s.socket.local_addr().unwrap().as_socket().unwrap()).collect();
        let mut acceptor = Acceptor::new(sockets).unwrap();
        let connect = |n: usize| std::net::TcpStream::connect(addresses[n]).unwrap();
        let _clients = [connect(0), connect(0), connect(0), connect(1)];
        let mut cx = Context::from_waker(Waker::noop());
        let mut from = Vec::new();
        while from.len() < 4 {
            if let Poll::Ready(accepted) = acceptor.poll_accept(&mut cx) {
                let arrival = accepted.unwrap();
                let local = arrival.stream.as_socket().local_addr().unwrap();
                from.push(local.as_socket() == Some(addresses[1]));
            } else {
                runtime.block_on(tokio::task::yield_now());
            }
        }
        assert!(from[0] || from[1], "served last: {from:?}");
    }
}
