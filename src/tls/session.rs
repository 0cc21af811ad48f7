//! One client's TLS session: records in, plaintext out, and the other way round.

use std::sync::Arc;

use rustls::{
    HandshakeKind, ServerConfig,
    server::{ServerConnectionData, UnbufferedServerConnection},
    unbuffered::{
        ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
        WriteTraffic,
    },
};

/// The state of a session. It keeps no bytes: an idle one costs its keys and no buffer.
pub struct TlsSession {
    connection: UnbufferedServerConnection,
    /// True if the client will send nothing more that can be understood.
    finished: bool,
    /// After an error rustls must not be asked again.
    failed: bool,
}

/// The reason for the end of a session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The client broke the protocol, or said that it will not go on.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
    /// Something was to be sent before the handshake was over, or after the end or an error.
    #[error("the session cannot send")]
    CannotSend,
}

impl TlsSession {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, rustls::Error> {
        Ok(Self { connection: UnbufferedServerConnection::new(config)?, finished: false, failed: false })
    }

    /// True if nothing can be sent yet.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// True if nothing more will come: the client has said so (close_notify), or there was an error.
    pub fn is_finished(&self) -> bool {
        self.finished
    }

    /// True if the client came with a ticket of an earlier session.
    pub fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The certificate that the client has proved to own, in DER form.
    pub fn client_certificate(&self) -> Option<&[u8]> {
        self.connection.peer_certificates().and_then(<[_]>::first).map(AsRef::as_ref)
    }

    /// Takes the whole records at the start of `records` and returns their bytes. Their plaintext goes to `plain`,
    /// the protocol's answers to the end of `answers`; also after an error, of which the client is told.
    pub fn receive(
        &mut self,
        records: &mut [u8],
        plain: impl FnMut(&[u8]),
        answers: &mut Vec<u8>,
    ) -> Result<usize, SessionError> {
        let (taken, result) = self.advance(records, plain, answers, |_, _| Ok(()));
        result.map(|()| taken)
    }

    /// Puts `plain` as records to the end of `records`. `unfinished` is the input that [`receive`](Self::receive) did
    /// not take the last time: no whole record.
    pub fn seal(
        &mut self,
        unfinished: &mut [u8],
        plain: &[u8],
        records: &mut Vec<u8>,
    ) -> Result<(), SessionError> {
        let mut sealed = false;
        let (_, result) = self.advance(
            unfinished,
            |_| {},
            records,
            |mut traffic, records| {
                sealed = true;
                append(records, sealed_length(plain.len()), |room| match traffic.encrypt(plain, room) {
                    Err(EncryptError::InsufficientSize(size)) => Err(Some(size)),
                    result => result.map_err(|_| None),
                })
            },
        );
        result.and(if sealed { Ok(()) } else { Err(SessionError::CannotSend) })
    }

    /// Puts the notice that nothing more will be sent (close_notify) to the end of `records`.
    pub fn close(&mut self, unfinished: &mut [u8], records: &mut Vec<u8>) -> Result<(), SessionError> {
        let (_, result) = self.advance(
            unfinished,
            |_| {},
            records,
            |mut traffic, records| {
                append(records, sealed_length(0), |room| match traffic.queue_close_notify(room) {
                    Err(EncryptError::InsufficientSize(size)) => Err(Some(size)),
                    result => result.map_err(|_| None),
                })
            },
        );
        result
    }

    /// Follows rustls from state to state until there is no more to take; `send` is called once the session can send.
    fn advance(
        &mut self,
        records: &mut [u8],
        mut plain: impl FnMut(&[u8]),
        outgoing: &mut Vec<u8>,
        mut send: impl FnMut(WriteTraffic<'_, ServerConnectionData>, &mut Vec<u8>) -> Result<(), SessionError>,
    ) -> (usize, Result<(), SessionError>) {
        let mut taken = 0;
        if self.failed {
            return (taken, Err(SessionError::CannotSend));
        }
        loop {
            let rest = records.get_mut(taken..).unwrap_or_default();
            let UnbufferedStatus { mut discard, state } = self.connection.process_tls_records(rest);
            let done = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => loop {
                    match traffic.next_record() {
                        Some(Ok(record)) => {
                            plain(record.payload);
                            discard += record.discard;
                        }
                        Some(Err(error)) => break Some(Err(error.into())),
                        None => break None,
                    }
                },
                Ok(ConnectionState::EncodeTlsData(data)) => encode(data, outgoing).err().map(Err),
                Ok(ConnectionState::TransmitTlsData(data)) => {
                    // The caller transmits it before anything else.
                    data.done();
                    None
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.finished = true;
                    None
                }
                Ok(ConnectionState::WriteTraffic(traffic)) => Some(send(traffic, outgoing)),
                Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => Some(Ok(())),
                // Early data is not accepted, so there is none.
                Ok(_) => Some(Err(SessionError::CannotSend)),
                Err(error) => {
                    (self.finished, self.failed) = (true, true);
                    self.tell(records.get_mut(taken + discard..).unwrap_or_default(), outgoing);
                    Some(Err(error.into()))
                }
            };
            taken += discard;
            if let Some(result) = done {
                return (taken, result);
            }
        }
    }

    /// After an error: sends pending data, and last the alert that tells the client of it. `rest` follows the bytes
    /// taken so far: rustls may know of messages in it, but must not take another.
    fn tell(&mut self, mut rest: &mut [u8], outgoing: &mut Vec<u8>) {
        while self.connection.wants_write() {
            let UnbufferedStatus { discard, state } = self.connection.process_tls_records(rest);
            let Ok(ConnectionState::EncodeTlsData(data)) = state else { return };
            if encode(data, outgoing).is_err() {
                return;
            }
            rest = rest.get_mut(discard..).unwrap_or_default();
        }
    }
}

impl std::fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsSession").field("finished", &self.finished).finish_non_exhaustive()
    }
}

fn encode(
    mut data: EncodeTlsData<'_, ServerConnectionData>,
    outgoing: &mut Vec<u8>,
) -> Result<(), SessionError> {
    append(outgoing, 0, |room| match data.encode(room) {
        Err(EncodeError::InsufficientSize(size)) => Err(Some(size)),
        result => result.map_err(|_| None),
    })
}

/// Lets `write` fill room behind the end of `records`: as much as `expected`, or then as much as it asks
/// for.
fn append(
    records: &mut Vec<u8>,
    expected: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
) -> Result<(), SessionError> {
    let start = records.len();
    let mut room = expected;
    loop {
        records.resize(start + room, 0);
        let written = write(records.get_mut(start..).unwrap_or_default());
        records.truncate(start + written.as_ref().copied().unwrap_or(0));
        match written {
            Ok(_) => return Ok(()),
            Err(Some(InsufficientSizeError { required_size })) if required_size > room => {
                room = required_size;
            }
            Err(_) => return Err(SessionError::CannotSend),
        }
    }
}

/// Bytes that `plain` bytes take as records at most.
fn sealed_length(plain: usize) -> usize {
    plain + (plain / RECORD + 1) * OVERHEAD
}

/// The most plaintext in a record (RFC 8446 section 5.1).
const RECORD: usize = 16 << 10;
/// Header, explicit nonce, content type and tag of one record are less than this.
const OVERHEAD: usize = 64;
