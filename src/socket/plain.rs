//! The socket of one client, TCP or Unix, whose bytes pass unchanged.

use std::{
    io::{self, IoSlice},
    net::Shutdown,
    os::fd::AsRawFd,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{BufMut, BytesMut};
use nix::sys::socket::MsgFlags;
use socket2::SockRef;
use tokio::{
    io::{AsyncWrite, Interest},
    net::{TcpStream, UnixStream},
};
use tokio_util::io::poll_read_buf;

use super::{
    ProxyHeader, ProxyViolation,
    progress::{self, Way},
};
use crate::descriptors::Inherited;

/// A connected socket, and the progress of the bytes written to it.
#[derive(Debug)]
pub(super) struct Plain {
    socket: Transport,
    /// Bytes written in all, modulo 2^32.
    written: u32,
    way: Way,
}

/// A connected socket in tokio's hands.
#[derive(Debug)]
pub enum Transport {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
}

impl Transport {
    /// Marks its descriptor as one that a forked child closes.
    pub fn inherited(&self) -> Inherited {
        Inherited::new(&*self.as_socket())
    }

    /// For options that tokio has no method for.
    fn as_socket(&self) -> SockRef<'_> {
        match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
        }
    }
}

impl Plain {
    pub(super) fn new(socket: Transport) -> Self {
        Self { socket, written: 0, way: Way::default() }
    }

    /// True if the other side has acknowledged some of the bytes that waited at the last look.
    pub(super) fn take_activity(&mut self) -> bool {
        let queued = progress::queued(&self.as_socket());
        self.way.look(self.written, queued)
    }

    /// Reads bytes to the end of `buffer`, at most as many as it has room for. 0: the client will send no more.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
    ) -> Poll<io::Result<usize>> {
        match &mut self.socket {
            Transport::Tcp(stream) => poll_read_buf(Pin::new(stream), cx, buffer),
            Transport::Unix(stream) => poll_read_buf(Pin::new(stream), cx, buffer),
        }
    }

    /// Reads a PROXY header into `received`, and not a byte more: the bytes behind it may have another reader. So it
    /// looks first, and then takes the bytes that are known to be the header's. `None`: the other side finished
    /// before, or the connection broke.
    pub(super) fn poll_proxy_header(
        &mut self,
        cx: &mut Context<'_>,
        received: &mut BytesMut,
    ) -> Poll<Option<Result<ProxyHeader, ProxyViolation>>> {
        loop {
            let known = received.len();
            // The memory grows with the bytes that have come, not with the largest header.
            let mut seen = [0; LOOK];
            let Ok(arrived @ 1..) = ready!(self.poll_peek(cx, &mut seen)) else { return Poll::Ready(None) };
            received.extend_from_slice(seen.get(..arrived).unwrap_or_default());
            let header = match ProxyHeader::parse(received) {
                Ok(header) => header,
                Err(violation) => return Poll::Ready(Some(Err(violation))),
            };
            let length = header.map_or(received.len(), |header| header.length);
            received.truncate(known);
            let Ok(1..) = ready!(self.poll_read(cx, &mut received.limit(length.saturating_sub(known))))
            else {
                return Poll::Ready(None);
            };
            if let Some(header) = header.filter(|_| received.len() == length) {
                return Poll::Ready(Some(Ok(header)));
            }
        }
    }

    /// Looks at the bytes that have come and leaves them there. 0: the client will send no more.
    pub(super) fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let peeked = match &self.socket {
                Transport::Tcp(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_io(Interest::READABLE, || peek(stream, buffer))
                }
                Transport::Unix(stream) => {
                    ready!(stream.poll_read_ready(cx))?;
                    stream.try_io(Interest::READABLE, || peek(stream, buffer))
                }
            };
            match peeked {
                // Empty since the last time it said it was not: asked again, it registers the waker.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                peeked => return Poll::Ready(peeked),
            }
        }
    }

    /// Writes the bytes that the socket has room for and returns their number.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Transport::Tcp(stream) = &mut self.socket else {
            // The oldest Rust that is supported writes to these with `write`, which raises SIGPIPE.
            return self.poll_write_vectored(cx, &[IoSlice::new(bytes)]);
        };
        let sent = ready!(Pin::new(stream).poll_write(cx, bytes))?;
        self.written = self.written.wrapping_add(sent as u32);
        Poll::Ready(Ok(sent))
    }

    /// The same, from several places.
    pub(super) fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // By hand, for the flag: `writev` to a socket that broke raises SIGPIPE, and this may be a
        // thread that the script's handlers run on.
        loop {
            let sent = match &self.socket {
                Transport::Tcp(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    let socket = SockRef::from(stream);
                    let send = || socket.send_vectored_with_flags(slices, NO_SIGNAL);
                    stream.try_io(Interest::WRITABLE, send)
                }
                Transport::Unix(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    let socket = SockRef::from(stream);
                    let send = || socket.send_vectored_with_flags(slices, NO_SIGNAL);
                    stream.try_io(Interest::WRITABLE, send)
                }
            };
            match sent {
                // Full since the last time it said it was not: asked again, it registers the waker.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
                Ok(sent) => {
                    self.written = self.written.wrapping_add(sent as u32);
                    return Poll::Ready(Ok(sent));
                }
            }
        }
    }

    /// Says that nothing more will be written (FIN); reading goes on.
    pub(super) fn shutdown_write(&self) {
        // The only errors are those of a socket that is gone already.
        let _ = self.as_socket().shutdown(Shutdown::Write);
    }

    /// For options that tokio has no method for.
    pub(super) fn as_socket(&self) -> SockRef<'_> {
        self.socket.as_socket()
    }
}

/// By hand: tokio peeks at TCP only.
fn peek(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<usize> {
    Ok(nix::sys::socket::recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_PEEK)?)
}

/// No signal for a socket that broke: the error says it.
#[cfg(target_os = "linux")]
pub const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
/// Only threads that block every signal write.
#[cfg(not(target_os = "linux"))]
pub const NO_SIGNAL: i32 = 0;

/// Bytes of a PROXY header that are looked at at once; most headers are shorter.
const LOOK: usize = 512;

#[cfg(test)]
mod tests {
    use std::{future::poll_fn, io::Write, os::unix::net};

    use super::*;

    #[test]
    fn a_proxy_header_is_read_and_not_a_byte_more() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        let v1 = b"PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n".as_slice();
        let v2 = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\x02xx".as_slice();
        let long = [b"\r\n\r\n\0\r\nQUIT\n\x20\0\x13\x88".as_slice(), &[b'x'; 5000]].concat();
        for header in [v1, v2, &long] {
            for first in (1..=header.len()).filter(|first| header.len() < 100 || first % 499 < 2) {
                let (mut proxy, server) = net::UnixStream::pair().unwrap();
                server.set_nonblocking(true).unwrap();
                runtime.block_on(async {
                    let server = UnixStream::from_std(server).unwrap();
                    let mut received = BytesMut::new();
                    let bytes = [header, b"\x16\x03\x01"].concat();
                    proxy.write_all(&bytes[..first]).unwrap();
                    server.readable().await.unwrap();
                    let mut stream = Plain::new(Transport::Unix(server));
                    let early = poll_fn(|cx| Poll::Ready(stream.poll_proxy_header(cx, &mut received))).await;
                    assert_eq!(early.is_ready(), first == header.len());
                    proxy.write_all(&bytes[first..]).unwrap();
                    if early.is_pending() {
                        let whole = poll_fn(|cx| stream.poll_proxy_header(cx, &mut received)).await;
                        assert_eq!(whole.unwrap().unwrap().length, header.len());
                    }
                    assert_eq!(received, header);
                    let mut rest = BytesMut::new();
                    poll_fn(|cx| stream.poll_read(cx, &mut rest)).await.unwrap();
                    assert_eq!(rest, b"\x16\x03\x01".as_slice());
                });
            }
        }
    }
}
