//! A TLS session on its socket.
//!
//! Records are read into memory that is lent, and leave from it. A connection has buffers of its own only
//! while a record is unfinished, plaintext found no room where it was to go, or the socket takes no more.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, BytesMut};

use super::plain::Plain;
use crate::tls::TlsSession;

#[derive(Debug)]
pub(super) struct Secured {
    session: TlsSession,
    /// A record, or a message of the handshake, that has not arrived whole.
    unfinished: Vec<u8>,
    /// Plaintext that is still to be read.
    unread: BytesMut,
    /// Records that the socket did not take yet.
    unsent: BytesMut,
    /// True if close_notify is among them, or has left.
    closed: bool,
}

impl Secured {
    pub(super) fn new(session: TlsSession) -> Self {
        Self {
            session,
            unfinished: Vec::new(),
            unread: BytesMut::new(),
            unsent: BytesMut::new(),
            closed: false,
        }
    }

    pub(super) fn session(&self) -> &TlsSession {
        &self.session
    }

    pub(super) fn unsent(&self) -> usize {
        self.unsent.len()
    }

    pub(super) fn poll_handshake(
        &mut self,
        socket: &mut Plain,
        cx: &mut Context<'_>,
        lent: &mut Vec<u8>,
    ) -> Poll<io::Result<bool>> {
        while self.session.is_handshaking() {
            // Bytes that the client sends right behind its last handshake message are kept.
            if ready!(self.poll_receive(socket, cx, &mut <&mut [u8]>::default(), lent))?.is_none() {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Poll::Ready(Ok(self.session.is_resumed()))
    }

    pub(super) fn poll_read(
        &mut self,
        socket: &mut Plain,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
        lent: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        if !self.unread.is_empty() {
            let length = self.unread.len().min(buffer.remaining_mut());
            buffer.put(self.unread.split_to(length));
            if self.unread.is_empty() {
                self.unread = BytesMut::new();
            }
            return Poll::Ready(Ok(length));
        }
        for _ in 0..READS {
            match ready!(self.poll_receive(socket, cx, buffer, lent))? {
                None => return Poll::Ready(Ok(0)),
                Some(0) => {}
                Some(length) => return Poll::Ready(Ok(length)),
            }
        }
        // So many records, or parts of one, that say nothing: others come first.
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads once from the socket and returns the number of plaintext bytes in `buffer`; bytes without room there are
    /// `unread`. `None`: the client will send no more.
    fn poll_receive(
        &mut self,
        socket: &mut Plain,
        cx: &mut Context<'_>,
        buffer: &mut impl BufMut,
        lent: &mut Vec<u8>,
    ) -> Poll<io::Result<Option<usize>>> {
        if self.session.is_finished() {
            return Poll::Ready(Ok(None));
        }
        let most = buffer.remaining_mut().clamp(LEAST_READ, MOST_READ);
        let unfinished = !self.unfinished.is_empty();
        let input = if unfinished { &mut self.unfinished } else { &mut *lent };
        if !unfinished {
            input.clear();
        }
        let arrived = ready!(socket.poll_read(cx, &mut (&mut *input).limit(most)))?;
        if arrived == 0 {
            // Without close_notify. A WebSocket has a close of its own, and a request its length, so
            // nothing is taken for whole that was cut off.
            return Poll::Ready(Ok(None));
        }
        let mut length = 0;
        let unread = &mut self.unread;
        let plain = |plain: &[u8]| {
            let (now, later) = plain.split_at(plain.len().min(buffer.remaining_mut()));
            buffer.put_slice(now);
            unread.extend_from_slice(later);
            length += now.len();
        };
        let mut answers = Vec::new();
        let received = self.session.receive(input, plain, &mut answers);
        self.unsent.extend_from_slice(&answers);
        let taken = match received {
            Ok(taken) => taken,
            Err(error) => {
                // One attempt to tell the client why.
                let _ = self.poll_flush(socket, cx);
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, error)));
            }
        };
        let rest = input.get(taken..).unwrap_or_default();
        if rest.len() > MOST_UNFINISHED {
            let reason = "a message of the handshake is too long";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reason)));
        }
        self.unfinished = rest.to_vec();
        if let Poll::Ready(Err(error)) = self.poll_flush(socket, cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(Some(length)))
    }

    pub(super) fn poll_write(
        &mut self,
        socket: &mut Plain,
        cx: &mut Context<'_>,
        plain: &[u8],
        lent: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_flush(socket, cx))?;
        let plain = plain.get(..MOST_SEALED).unwrap_or(plain);
        lent.clear();
        self.session.seal(&mut self.unfinished, plain, lent).map_err(io::Error::other)?;
        let sent = match socket.poll_write(cx, lent) {
            Poll::Ready(sent) => sent?,
            Poll::Pending => 0,
        };
        self.unsent.extend_from_slice(lent.get(sent..).unwrap_or_default());
        Poll::Ready(Ok(plain.len()))
    }

    pub(super) fn poll_flush(&mut self, socket: &mut Plain, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let sent = ready!(socket.poll_write(cx, &self.unsent))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.unsent.advance(sent);
            if self.unsent.is_empty() {
                self.unsent = BytesMut::new();
            }
        }
        Poll::Ready(Ok(()))
    }

    pub(super) fn poll_close(&mut self, socket: &mut Plain, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !std::mem::replace(&mut self.closed, true) {
            let mut notice = Vec::new();
            self.session.close(&mut self.unfinished, &mut notice).map_err(io::Error::other)?;
            self.unsent.extend_from_slice(&notice);
        }
        self.poll_flush(socket, cx)
    }
}

/// One read from the socket: enough to finish a record in few, and no more at once than the connection
/// asked for otherwise.
const LEAST_READ: usize = 4 << 10;
const MOST_READ: usize = 64 << 10;
/// Reads that may bring no plaintext before others get their turn.
const READS: usize = 4;
/// Plaintext that is sealed at once. The records count as written although the socket may take them
/// later.
const MOST_SEALED: usize = 64 << 10;
/// The longest record is 18 KiB (RFC 5246 section 6.2.3); a message of the handshake may be several.
const MOST_UNFINISHED: usize = 32 << 10;
