//! One thread's readiness loop, with which all modes wait and read.

use std::{
    io,
    time::{Duration, Instant},
};

use anyhow::Result;
use mio::{Events, Interest, Poll, Token, event::Event, net::TcpStream};

/// epoll, edge-triggered, and one buffer for everything that is read.
pub struct Reactor {
    poll: Poll,
    events: Events,
    pub buffer: Box<[u8]>,
    patience: Duration,
    /// Since when nothing has happened.
    quiet: Option<Instant>,
}

impl Reactor {
    /// One that lets the server be silent for `patience`.
    pub fn new(patience: Duration) -> Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            buffer: vec![0; READ].into_boxed_slice(),
            patience,
            quiet: None,
        })
    }

    pub fn register(&self, stream: &mut TcpStream, number: usize) -> io::Result<()> {
        self.poll.registry().register(stream, Token(number), Interest::READABLE | Interest::WRITABLE)
    }

    /// Waits, at most for `limit`; false once the server has been silent for longer than it may.
    pub fn wait(&mut self, limit: Duration) -> io::Result<bool> {
        match self.poll.poll(&mut self.events, Some(limit.min(self.patience))) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => return Err(error),
        }
        if !self.events.is_empty() {
            self.quiet = None;
            return Ok(true);
        }
        Ok(self.quiet.get_or_insert_with(Instant::now).elapsed() < self.patience)
    }

    /// The results of the last wait: numbers of connections, and the buffer to read into.
    pub fn ready(&mut self) -> (impl Iterator<Item = usize>, &mut [u8]) {
        (self.events.iter().map(Event::token).map(usize::from), &mut self.buffer)
    }
}

/// Room for a hundred small messages or a few large ones, and no more: it should stay in the cache.
const READ: usize = 256 << 10;
