//! One listening socket, and those that are accepted at it.

#![allow(unsafe_code)] // tokio wants a promise that the descriptor stays the same, and a new one comes as its number.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
    task::{Context, Poll, ready},
    time::Duration,
};

use nix::errno::Errno;
use socket2::{SockAddr, Socket};
use tokio::{
    io::{Interest, unix::AsyncFd},
    net::{TcpStream, UnixStream},
};

use super::{Listening, PeerAddress, Transport};
use crate::descriptors::{Inherited, Raised, STANDARD, keep_standard, place};

/// A listening socket in tokio's hands. By hand, because tokio gives accepted sockets the lowest free number.
#[derive(Debug)]
pub struct Gate {
    _inherited: Inherited,
    listener: AsyncFd<Socket>,
}

impl Gate {
    /// Takes a listening socket over. Within a tokio runtime.
    pub fn new(Listening { inherited, socket, .. }: Listening) -> io::Result<Self> {
        // SAFETY: a `Socket` owns its descriptor, gives the same one each time, and closes it only when it is dropped,
        // which `AsyncFd` does after it has let go of it.
        let listener = unsafe { AsyncFd::register_with_interest(socket, Interest::READABLE) };
        Ok(Self { _inherited: inherited, listener: listener? })
    }

    /// The next client. One task at a time.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Transport, PeerAddress)>> {
        loop {
            let mut ready = ready!(self.listener.poll_read_ready(cx))?;
            // It said that there is none any more: asked again, it registers the waker.
            let Ok(accepted) = ready.try_io(|listener| accept(listener.get_ref())) else { continue };
            return Poll::Ready(accepted.and_then(|(socket, address)| in_tokios_hands(socket, &address)));
        }
    }
}

fn in_tokios_hands(socket: Socket, address: &SockAddr) -> io::Result<(Transport, PeerAddress)> {
    let descriptor = OwnedFd::from(socket);
    let Some(address) = address.as_socket() else {
        return Ok((Transport::Unix(UnixStream::from_std(descriptor.into())?), PeerAddress::Unix));
    };
    let stream = TcpStream::from_std(descriptor.into())?;
    // Frames are coalesced here: Nagle's algorithm would only add a delay. It fails only for a socket that is closed
    // already.
    let _ = stream.set_nodelay(true);
    Ok((Transport::Tcp(stream), PeerAddress::Ip(address.ip().to_canonical())))
}

fn accept(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    keep_standard();
    let mut raised = Raised::take();
    let accepted = match accept_lowest(listener) {
        Err(error) if error.raw_os_error() == Some(libc::EMFILE) && raised.again() => accept_lowest(listener),
        accepted => accepted,
    };
    let (socket, address) = accepted?;
    let is_standard = socket.as_raw_fd() < STANDARD;
    let socket = Socket::from(place(socket.into(), &mut raised)?);
    if is_standard {
        // The script has closed that one between the two calls above, and may have written to it since, to the client.
        let _ = socket.set_linger(Some(Duration::ZERO));
        return Err(io::ErrorKind::ConnectionAborted.into());
    }
    Ok((socket, address))
}

/// A client's socket, which does not block, with the lowest number that is free.
#[cfg(target_os = "linux")]
fn accept_lowest(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `try_init` lends room for an address and its length, and the call fills both.
    let accepted = unsafe {
        SockAddr::try_init(|address, length| {
            Ok(Errno::result(libc::accept4(listener.as_raw_fd(), address.cast(), length, flags))?)
        })
    };
    let (number, address) = accepted?;
    // SAFETY: the call has just made it, and nobody else knows of it.
    Ok((unsafe { std::os::fd::FromRawFd::from_raw_fd(number) }, address))
}

#[cfg(not(target_os = "linux"))]
fn accept_lowest(listener: &Socket) -> io::Result<(Socket, SockAddr)> {
    let (socket, address) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, address))
}
