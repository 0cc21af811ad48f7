//! An echo of nothing but the framing, the upper bound for the generator; and, on request, one that makes mistakes,
//! so that a test can see the generator notice.

use std::{
    collections::HashMap,
    io::{ErrorKind, Read, Result, Write},
};

use clap::ValueEnum;
use mio::{
    Events, Interest, Poll, Token,
    net::{TcpListener, TcpStream},
};

/// A mistake to make with every hundredth message.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Fault {
    /// Leave it out
    Drop,
    /// Let the next one go first
    Reorder,
    /// Change its last byte
    Change,
    /// Send it twice
    Repeat,
}

/// Echoes on every path until it is killed.
pub fn serve(port: u16, fault: Option<Fault>) -> Result<()> {
    let mut listener = TcpListener::bind(([127, 0, 0, 1], port).into())?;
    println!("{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut clients = HashMap::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let token = Token(clients.len() + 1);
                    poll.registry().register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
                    clients.insert(token, Client::new(stream, fault));
                }
            } else if let Some(client) = clients.get_mut(&event.token())
                && client.turn(&mut buffer).is_err()
            {
                // Its place stays taken, so that no later client gets its number.
                client.input = Vec::new();
            }
        }
    }
}

struct Client {
    stream: TcpStream,
    fault: Option<Fault>,
    upgraded: bool,
    input: Vec<u8>,
    output: Vec<u8>,
    messages: u64,
    /// A frame that a later one overtakes.
    held: Vec<u8>,
}

impl Client {
    fn new(stream: TcpStream, fault: Option<Fault>) -> Self {
        let (input, output, held) = Default::default();
        Self { stream, fault, upgraded: false, input, output, messages: 0, held }
    }

    fn turn(&mut self, buffer: &mut [u8]) -> Result<()> {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.input.extend(&buffer[..read]);
                    if read < buffer.len() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if !self.upgraded && self.input.ends_with(b"\r\n\r\n") {
            self.upgraded = true;
            self.input.clear();
            self.output.extend(ANSWER);
        }
        if self.upgraded {
            self.answer();
        }
        let written = match self.stream.write(&self.output) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            result => result?,
        };
        self.output.drain(..written);
        Ok(())
    }

    fn answer(&mut self) {
        let mut at = 0;
        while let Some((size, head)) = header(&self.input[at..])
            && self.input.len() >= at + head + size
        {
            let from = self.output.len();
            self.output.extend(&self.input[at..at + head - 4]);
            self.output[from + 1] &= 0x7F;
            let mask: [u8; 4] = std::array::from_fn(|place| self.input[at + head - 4 + place]);
            let masked = &self.input[at + head..at + head + size];
            self.output.extend(masked.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
            at += head + size;
            self.messages += 1;
            self.err(from);
        }
        self.input.drain(..at);
    }

    /// Makes the chosen mistake with the frame at the end of the output.
    fn err(&mut self, from: usize) {
        if !self.messages.is_multiple_of(100) {
            self.output.append(&mut self.held);
            return;
        }
        match self.fault {
            None => {}
            Some(Fault::Drop) => self.output.truncate(from),
            Some(Fault::Reorder) => self.held = self.output.split_off(from),
            Some(Fault::Change) => self.output.last_mut().into_iter().for_each(|byte| *byte ^= 1),
            Some(Fault::Repeat) => self.output.extend_from_within(from..),
        }
    }
}

/// Payload size and header length of a masked frame, once its header is whole.
fn header(bytes: &[u8]) -> Option<(usize, usize)> {
    let (length, head) = match bytes.get(1)? & 0x7F {
        126 => (bytes.get(2..4)?, 8),
        127 => (bytes.get(2..10)?, 14),
        _ => (&bytes[1..2], 6),
    };
    let size = length.iter().fold(0, |size, byte| size << 8 | usize::from(*byte));
    Some((if head == 6 { size & 0x7F } else { size }, head))
}

const LISTENER: Token = Token(0);
const ANSWER: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
