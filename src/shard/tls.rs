//! The handshake of TLS, and the certificates' files.

use std::{
    io,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use super::tick::{Shard, may_log};
use crate::{
    connection::Phase,
    http,
    queue::LogLevel,
    tls::{Certificates, Watch},
};

/// A watch over certificate files, and when it looks again.
#[derive(Debug)]
pub(super) struct TlsWatch {
    certificates: Arc<Certificates>,
    watch: Watch,
    pub(super) next: Duration,
}

/// The state of TLS beside the connections.
pub(super) struct Tls {
    /// In one shard, if the server speaks TLS.
    pub(super) watch: Option<TlsWatch>,
    /// The time of the last log line about a failed handshake.
    logged: Option<Duration>,
}

impl Tls {
    /// With certificates, the shard looks for changes of their files.
    pub(super) fn new(certificates: Option<&Arc<Certificates>>) -> Self {
        Self { watch: certificates.map(|certificates| TlsWatch::new(certificates.clone())), logged: None }
    }
}

impl TlsWatch {
    fn new(certificates: Arc<Certificates>) -> Self {
        Self { certificates, watch: Watch::default(), next: Watch::INTERVAL }
    }
}

impl Shard {
    /// Goes on with a handshake, and then with the request. A signature takes longer than anything else here does:
    /// about a millisecond with an RSA key.
    pub(super) fn shake_hands(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let mut cx = Context::from_waker(&connection.waker);
        if !connection.stream.is_secured() {
            match connection.stream.poll_first_byte(&mut cx) {
                Poll::Pending => return,
                Poll::Ready(None) => return self.give_up(slot),
                Poll::Ready(Some(HANDSHAKE_RECORD)) => {}
                Poll::Ready(Some(letter)) if letter.is_ascii_uppercase() => {
                    // As a browser does with http:// in front of this port.
                    self.counters(|c| c.tls_failed.increment());
                    let body = b"This port speaks TLS: write wss:// or https://\n";
                    return self.answer(slot, http::rejection(400, body, &[]));
                }
                Poll::Ready(Some(_)) => return self.refuse_tls(slot, &io::ErrorKind::InvalidData.into()),
            }
            let session = self.common.certificates.as_ref().map(|certificates| certificates.session());
            let Some(Ok(session)) = session else { return self.give_up(slot) };
            connection.stream.secure(session);
        }
        match connection.stream.poll_handshake(&mut cx, &mut self.buffers.records) {
            Poll::Pending => {}
            Poll::Ready(Ok(resumed)) => {
                connection.secure = true;
                connection.phase = Phase::head();
                self.schedule.again.push(slot);
                self.counters(|c| {
                    c.tls_handshakes.increment();
                    c.tls_resumed.add(resumed.into());
                });
            }
            Poll::Ready(Err(error)) => self.refuse_tls(slot, &error),
        }
    }

    /// An operator who tries a certificate needs the reason of a failure; a port on the Internet gets much that is no
    /// TLS at all. So some failures are logged.
    fn refuse_tls(&mut self, slot: u32, error: &io::Error) {
        self.counters(|c| c.tls_failed.increment());
        let peer = self.connections.get(slot as usize).map(|connection| connection.address.to_string());
        if may_log(&mut self.tls.logged, self.now) {
            let context = [("peer", peer.unwrap_or_default()), ("reason", error.to_string())];
            self.log(LogLevel::Info, "A TLS handshake failed", context);
        }
        self.counters(|c| c.handshakes_failed.increment());
        let deadline = self.now + self.common.config.limits.close_timeout;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        // A client that is not done sending must not get a reset before it has read the alert.
        connection.stream.give_up_tls();
        connection.linger(deadline);
        self.touch(slot);
        self.schedule.again.push(slot);
    }

    /// Has changed certificate files read again.
    pub(super) fn watch_certificates(&mut self) {
        let Some(watch) = self.tls.watch.as_mut().filter(|watch| self.now >= watch.next) else { return };
        watch.next = self.now + Watch::INTERVAL;
        match watch.watch.look(&watch.certificates) {
            None => {}
            Some(Ok(())) => self.log(LogLevel::Info, "The TLS certificates were read again", []),
            Some(Err(error)) => self.log(
                LogLevel::Error,
                "The TLS certificates have changed and cannot be used; those before stay in use",
                [("error", error.to_string())],
            ),
        }
    }
}

/// The first byte of a session (RFC 8446 section 5.1).
const HANDSHAKE_RECORD: u8 = 22;
