//! A shard without a thread that a test drives tick by tick: fuzz targets run whole connections with it.
//!
//! It is linked exactly as the shard of a [`Server`](super::Server). Only the accepted sockets are missing: a client
//! comes by [`connect`](ManualShard::connect).

use std::{io, os::unix::net::UnixStream, sync::Arc, time::Duration};

use super::{
    StartError,
    drive_lock::{DriveLock, Stretch},
};
use crate::shard::{Common, Shard, Ticked};
use crate::{
    config::Config,
    hub::Hub,
    port::{ConsumerParts, Port},
    socket::{Arrival, ListenerOptions, PeerAddress, Stream},
};

/// One shard, and the consumer's ends of its queues.
#[derive(Debug)]
pub struct ManualShard {
    drive_lock: Arc<DriveLock>,
    common: Arc<Common>,
    consumer: Option<ConsumerParts>,
}

impl ManualShard {
    /// A shard without clients. It does not listen, whatever the options say. Compressed messages are inflated in
    /// parts of `part` bytes.
    pub fn new(config: Config, part: usize) -> Result<Self, StartError> {
        let config = Config { io_threads: 1, ..config };
        let common = Arc::new(Common::new(config)?);
        let Port { mut shards, consumer, .. } = Port::open(&common.hub)?;
        let drive_lock = DriveLock::new(|| {
            let port = shards.pop().ok_or(io::ErrorKind::NotFound)?;
            let mut shard = Shard::new(0, common.clone(), Vec::new(), port)?;
            shard.set_part(part);
            Ok(shard)
        })?;
        Ok(Self { drive_lock, common, consumer: Some(consumer) })
    }

    /// The consumer's end. Once.
    pub fn take_consumer(&mut self) -> Option<ConsumerParts> {
        self.consumer.take()
    }

    /// The state that all threads share.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.common.hub
    }

    /// Lets a client in that comes from `address`, to a listener of `options`. Returns the client's end.
    pub fn connect(&mut self, address: PeerAddress, options: ListenerOptions) -> io::Result<UnixStream> {
        let (client, server) = UnixStream::pair()?;
        server.set_nonblocking(true)?;
        self.admit(address, options, || Stream::unix(server))?;
        Ok(client)
    }

    /// The same for the server's end of a TCP connection.
    #[cfg(test)]
    pub(super) fn connect_tcp(&mut self, server: std::net::TcpStream) -> io::Result<()> {
        server.set_nonblocking(true)?;
        self.admit(PeerAddress::Unix, ListenerOptions::default(), || Stream::tcp(server))
    }

    fn admit(
        &mut self,
        address: PeerAddress,
        options: ListenerOptions,
        stream: impl FnOnce() -> io::Result<Stream>,
    ) -> io::Result<()> {
        let _context = self.drive_lock.runtime().enter();
        let stream = stream()?;
        if let Some(shard) = &mut *self.drive_lock.shard() {
            shard.admit(Arrival { stream, address, options });
        }
        Ok(())
    }

    /// Looks at the sockets once, without waiting, and does a tick's work. Whether there is more to do
    /// already.
    pub fn tick(&mut self) -> bool {
        self.drive_lock.look_once(&mut self.drive_lock.shard()) == Stretch::Left(Ticked::More)
    }

    /// Has the shard do only one thing of each kind in a tick, as if that took all the time that there is.
    pub fn be_slow(&mut self) {
        if let Some(shard) = &mut *self.drive_lock.shard() {
            shard.be_slow();
        }
    }

    /// Lets time pass. `looking`: as if ticks had been taken meanwhile; else as if the process had been stopped.
    pub fn pass(&mut self, time: Duration, looking: bool) {
        if let Some(shard) = &mut *self.drive_lock.shard() {
            shard.pass(time, looking);
        }
    }

    /// Open sockets of clients, in any phase.
    pub fn sockets(&self) -> usize {
        self.common.sockets.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Bytes that wait for clients.
    pub fn waiting(&self) -> usize {
        self.drive_lock.shard().as_ref().map_or(0, |shard| shard.waiting())
    }
}
