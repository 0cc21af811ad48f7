//! One client's socket, with TLS between it and us or without.

use std::{
    io::{self, IoSlice},
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use bytes::{BufMut, BytesMut};
use socket2::SockRef;

use super::{
    ProxyHeader, ProxyViolation,
    plain::{Plain, Transport},
    secured::Secured,
};
use crate::{
    descriptors::{mark, unmark},
    tls,
};

/// A connected socket, ready for tokio.
///
/// A method with `records` borrows that memory for the time of the call, for the socket's bytes where they differ
/// from those that are read or written.
#[derive(Debug)]
pub struct Stream {
    pub(super) plain: Plain,
    secured: Option<Box<Secured>>,
}

impl Stream {
    pub(super) fn new(transport: Transport) -> Self {
        let plain = Plain::new(transport);
        mark(&*plain.as_socket());
        Self { plain, secured: None }
    }

    /// One end of a pair of Unix sockets. Within a tokio runtime.
    #[cfg(any(test, feature = "fuzzing"))]
    pub fn unix(socket: std::os::unix::net::UnixStream) -> io::Result<Self> {
        Ok(Self::new(Transport::Unix(tokio::net::UnixStream::from_std(socket)?)))
    }

    /// A TCP connection. Within a tokio runtime.
    #[cfg(test)]
    pub fn tcp(socket: std::net::TcpStream) -> io::Result<Self> {
        Ok(Self::new(Transport::Tcp(tokio::net::TcpStream::from_std(socket)?)))
    }

    /// True if TLS has begun.
    pub fn is_secured(&self) -> bool {
        self.secured.is_some()
    }

    /// The client's proven certificate, in DER form.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.secured.as_ref().and_then(|secured| secured.session().client_certificate())
    }

    /// True if the client has acknowledged some of the bytes that waited at the last look.
    pub fn take_activity(&mut self) -> bool {
        self.plain.take_activity()
    }

    /// Bytes that count as written and have not left.
    pub fn unsent(&self) -> usize {
        self.secured.as_ref().map_or(0, |secured| secured.unsent())
    }

    /// The first byte that the client sent, which stays to be read. `None`: it finished before, or the
    /// connection broke.
    pub fn poll_first_byte(&self, cx: &mut Context<'_>) -> Poll<Option<u8>> {
        let mut byte = [0];
        let peeked = ready!(self.plain.poll_peek(cx, &mut byte));
        Poll::Ready(matches!(peeked, Ok(1)).then(|| byte[0]))
    }

    /// Reads a PROXY header into `received`, and not a byte more. `None`: the other side finished before,
    /// or the connection broke.
    pub fn poll_proxy_header(
        &mut self,
        cx: &mut Context<'_>,
        received: &mut BytesMut,
    ) -> Poll<Option<Result<ProxyHeader, ProxyViolation>>> {
        self.plain.poll_proxy_header(cx, received)
    }

    /// From now on everything goes through `session`.
    pub fn secure(&mut self, session: tls::TlsSession) {
        self.secured = Some(Box::new(Secured::new(session)));
    }

    /// After the handshake failed and the client was told: further bytes are read as they are, and dropped.
    pub fn give_up_tls(&mut self) {
        self.secured = None;
    }

    /// Goes on with the handshake of TLS. Ready once it is over, with true if a session was resumed; an error says
    /// what was wrong, after the client was told of it.
    pub fn poll_handshake(&mut self, cx: &mut Context<'_>, records: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        match &mut self.secured {
            Some(secured) => secured.poll_handshake(&mut self.plain, cx, records),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    /// Reads bytes to the end of `buffer`, at most as many as it has room for. 0: the client will send no more.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
        records: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        match &mut self.secured {
            None => self.plain.poll_read(cx, buffer),
            Some(secured) => secured.poll_read(&mut self.plain, cx, buffer, records),
        }
    }

    /// Writes the bytes that the socket has room for and returns their number.
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        records: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        match &mut self.secured {
            None => self.plain.poll_write(cx, bytes),
            Some(secured) => secured.poll_write(&mut self.plain, cx, bytes, records),
        }
    }

    /// The same, from several places.
    pub fn poll_write_vectored(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
        records: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        match &mut self.secured {
            None => self.plain.poll_write_vectored(cx, slices),
            Some(secured) => {
                let first = slices.iter().find(|slice| !slice.is_empty());
                secured.poll_write(&mut self.plain, cx, first.map_or(&[], |first| first), records)
            }
        }
    }

    /// Ready when everything that counts as written has left.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.secured {
            None => Poll::Ready(Ok(())),
            Some(secured) => secured.poll_flush(&mut self.plain, cx),
        }
    }

    /// Says that nothing more will be written (close_notify, FIN); reading goes on. Ready when it is said.
    pub fn poll_shutdown_write(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(secured) = &mut self.secured {
            // An error is one of the socket, which the next read will meet too.
            let _ = ready!(secured.poll_close(&mut self.plain, cx));
        }
        self.plain.shutdown_write();
        Poll::Ready(())
    }

    /// Before the socket is dropped: one attempt to answer a client that has said over TLS that it will send no more
    /// (RFC 8446 section 6.1). Earlier bytes that have not left go first.
    pub fn answer_goodbye(&mut self) {
        if let Some(secured) = self.secured.as_mut().filter(|secured| secured.session().is_finished()) {
            let _ = secured.poll_close(&mut self.plain, &mut Context::from_waker(Waker::noop()));
        }
    }

    /// Makes its end a reset: bytes that the client did not take are forgotten, also by the operating system, which
    /// would otherwise keep them for minutes.
    pub fn reset(&self) {
        // Nothing but TCP has it, and there it fails only for a socket that is gone.
        let _ = self.as_socket().set_linger(Some(Duration::ZERO));
    }

    /// For options that have no method here.
    pub(super) fn as_socket(&self) -> SockRef<'_> {
        self.plain.as_socket()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        unmark(&*self.plain.as_socket());
    }
}
