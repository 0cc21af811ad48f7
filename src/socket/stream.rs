//! One client's socket, TCP or Unix.

use std::{
    io::{self, IoSlice},
    net::{IpAddr, Shutdown},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BufMut;
use socket2::SockRef;
use tokio::{
    io::{AsyncWrite, Interest},
    net::{TcpStream, UnixStream},
};
use tokio_util::io::poll_read_buf;

/// A connected socket, ready for tokio.
#[derive(Debug)]
pub enum Stream {
    /// TCP over IPv4 or IPv6.
    Tcp(TcpStream),
    /// A Unix stream socket.
    Unix(UnixStream),
}

/// Where a client connects from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerAddress {
    /// The address of the TCP peer; IPv4 in IPv6 is written as IPv4.
    Ip(IpAddr),
    /// A process on this host.
    Unix,
}

impl Stream {
    /// Reads what has arrived to the end of `buffer`, at most as much as it has room for. 0: the
    /// client will send no more.
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut impl BufMut) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => poll_read_buf(Pin::new(stream), cx, buffer),
            Self::Unix(stream) => poll_read_buf(Pin::new(stream), cx, buffer),
        }
    }

    /// Writes what the socket has room for and says how much.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    /// The same, from several places.
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // By hand, for the flag: `writev` to a socket that broke raises SIGPIPE, and this may be a
        // thread that the script's handlers run on.
        loop {
            let sent = match self {
                Self::Tcp(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    let socket = SockRef::from(&*stream);
                    let send = || socket.send_vectored_with_flags(slices, NO_SIGNAL);
                    stream.try_io(Interest::WRITABLE, send)
                }
                Self::Unix(stream) => {
                    ready!(stream.poll_write_ready(cx))?;
                    let socket = SockRef::from(&*stream);
                    let send = || socket.send_vectored_with_flags(slices, NO_SIGNAL);
                    stream.try_io(Interest::WRITABLE, send)
                }
            };
            match sent {
                // Full since the last time it said it was not: asked again, it registers the waker.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        }
    }

    /// Says that nothing more will be written (FIN); reading goes on.
    pub fn shutdown_write(&self) {
        // The only errors are those of a socket that is gone already.
        let _ = match self {
            Self::Tcp(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
            Self::Unix(stream) => SockRef::from(stream).shutdown(Shutdown::Write),
        };
    }
}

/// No signal for a socket that broke: the error says it.
#[cfg(target_os = "linux")]
const NO_SIGNAL: i32 = libc::MSG_NOSIGNAL;
/// Only threads that block every signal write.
#[cfg(not(target_os = "linux"))]
const NO_SIGNAL: i32 = 0;
