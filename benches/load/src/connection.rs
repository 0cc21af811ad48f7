//! One upgraded connection.

use std::{
    io::{ErrorKind, Read},
    rc::Rc,
};

use anyhow::{Context, Result, bail};
use mio::net::TcpStream;

use crate::{
    inbound::{Expected, Inbound},
    outbound::Outbound,
    stamp::Stamp,
};

/// A socket, its messages to send and the messages expected from it.
pub struct Connection {
    number: usize,
    stream: TcpStream,
    pub inbound: Inbound,
    pub outbound: Outbound,
}

impl Connection {
    /// One whose messages look like `payload`, apart from the stamp.
    pub fn new(number: usize, stream: TcpStream, payload: &Rc<[u8]>, expected: Expected) -> Self {
        Self {
            number,
            stream,
            inbound: Inbound::new(payload.clone(), expected),
            outbound: Outbound::new(number, payload),
        }
    }

    /// One that gets its own messages back.
    pub fn echoed(number: usize, stream: TcpStream, payload: &Rc<[u8]>) -> Self {
        Self::new(number, stream, payload, Expected::Exactly(Stamp::first(number)))
    }

    /// Reads everything that is there and says how many messages that completed.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Result<usize> {
        self.read(buffer).with_context(|| format!("connection {}", self.number))
    }

    /// Writes waiting bytes and as many of `due` messages as the socket takes; see [`Outbound::send`].
    pub fn send(&mut self, due: &mut usize, began: impl FnMut(usize)) -> Result<()> {
        self.outbound
            .send(&mut self.stream, due, began)
            .with_context(|| format!("connection {}: cannot write ({})", self.number, self.inbound.awaits()))
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut messages = 0;
        loop {
            match self.stream.read(buffer) {
                Ok(0) => bail!("the server closed without a close frame ({})", self.inbound.awaits()),
                Ok(read) => {
                    messages += self.inbound.feed(&buffer[..read], &mut self.outbound)?;
                    // Less than asked for: the socket is empty, and the next byte is a new edge.
                    if read < buffer.len() {
                        return Ok(messages);
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(messages),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot read ({})", self.inbound.awaits()));
                }
            }
        }
    }
}
