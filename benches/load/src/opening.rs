//! Connecting and the opening handshake, many at once.

use std::{
    io::{ErrorKind, Read, Write},
    net::SocketAddr,
    ops::Range,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{reactor::Reactor, target::Target};

/// The way to connect.
pub struct Way {
    address: SocketAddr,
    request: Vec<u8>,
    /// For a client that is to be slow: the size of its socket's receive buffer.
    pub receive_buffer: Option<usize>,
}

impl Way {
    /// To a path of the server.
    pub fn to(target: &Target, path: &str) -> Result<Self> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            target.to
        );
        Ok(Self { address: target.address()?, request: request.into_bytes(), receive_buffer: None })
    }

    fn connect(&self) -> Result<TcpStream> {
        let socket = Socket::new(Domain::for_address(self.address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        if let Some(size) = self.receive_buffer {
            // Before connecting: the window that the server is offered depends on it.
            socket.set_recv_buffer_size(size)?;
        }
        match socket.connect(&self.address.into()) {
            Err(error)
                if error.kind() != ErrorKind::WouldBlock && error.raw_os_error() != Some(IN_PROGRESS) =>
            {
                Err(error).with_context(|| format!("cannot connect to {}", self.address))
            }
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }
}

/// A connection that is not upgraded yet.
pub struct Opening {
    stream: TcpStream,
    requested: bool,
    head: Vec<u8>,
}

impl Opening {
    /// Begins to connect; `number` is the connection's number at the reactor.
    pub fn begin(reactor: &Reactor, way: &Way, number: usize) -> Result<Self> {
        let mut stream = way.connect()?;
        reactor.register(&mut stream, number)?;
        Ok(Self { stream, requested: false, head: Vec::new() })
    }

    /// Goes as far as it can; true once upgraded.
    pub fn advance(&mut self, way: &Way) -> Result<bool> {
        if !self.requested {
            match self.stream.write(&way.request) {
                Ok(written) => {
                    ensure!(written == way.request.len(), "the request did not fit into a new socket")
                }
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(false);
                }
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot connect to {}", way.address));
                }
            }
            self.requested = true;
        }
        let mut buffer = [0; 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => bail!("the server closed during the handshake; {:?} came", self.text()),
                Ok(read) => self.head.extend(&buffer[..read]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("the handshake"),
            }
            if let Some(end) = self.head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let text = self.text();
                ensure!(text.starts_with("HTTP/1.1 101"), "the handshake was refused: {text}");
                ensure!(text.contains(ACCEPT), "the handshake's accept key is wrong: {text}");
                ensure!(self.head.len() == end + 4, "the server spoke before it was spoken to");
                return Ok(true);
            }
        }
    }

    pub fn into_stream(self) -> TcpStream {
        self.stream
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }
}

/// Opens a connection for each of `numbers` and returns their sockets in this order.
pub fn open_all(
    reactor: &mut Reactor,
    way: &Way,
    numbers: Range<usize>,
    at_once: usize,
) -> Result<Vec<TcpStream>> {
    let count = numbers.len();
    let mut openings = Vec::with_capacity(count);
    let mut streams: Vec<Option<TcpStream>> = (0..count).map(|_| None).collect();
    let mut opened = 0;
    while opened < count {
        while openings.len() < count && openings.len() - opened < at_once {
            openings.push(Some(Opening::begin(reactor, way, numbers.start + openings.len())?));
        }
        ensure!(
            reactor.wait(Duration::from_secs(1))?,
            "the server does not answer handshakes: {opened} of {count} connections are open"
        );
        for number in reactor.ready().0 {
            let Some(index) = number.checked_sub(numbers.start).filter(|index| *index < count) else {
                continue;
            };
            let Some(opening) = openings.get_mut(index) else { continue };
            if let Some(done) = opening
                .as_mut()
                .map(|opening| opening.advance(way))
                .transpose()
                .with_context(|| format!("connection {number} ({opened} of {count} are open)"))?
                && done
            {
                streams[index] = opening.take().map(Opening::into_stream);
                opened += 1;
            }
        }
    }
    Ok(streams.into_iter().flatten().collect())
}

/// Handshakes under way at once, where that is not measured.
pub const AT_ONCE: usize = 64;

/// The result of RFC 6455 section 1.3 for the key above.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const IN_PROGRESS: i32 = nix::errno::Errno::EINPROGRESS as i32;
