//! A bound address: its listening sockets, their options, and its file if it has one.

use std::{
    io,
    net::SocketAddr,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use socket2::Socket;

use crate::descriptors::{Inherited, placed};

/// One bound address: a listening socket for each shard.
#[derive(Debug)]
pub struct Bound {
    /// As clients write it: `ws://127.0.0.1:8080`, `wss://127.0.0.1:8443`, `ws+unix:///run/app.sock`.
    pub url: String,
    /// One for each shard, in order.
    pub sockets: Vec<Listening>,
    /// The file that clients find it by, if there is one.
    pub file: Option<SocketFile>,
}

/// The options of an address: the bytes before the request, and the requests that are allowed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListenerOptions {
    /// A PROXY header that says whose it is.
    pub proxy_protocol: bool,
    /// The handshake of TLS.
    pub tls: bool,
    /// Nothing but the metrics is served there.
    pub metrics_only: bool,
}

/// One shard's listening socket.
#[derive(Debug)]
pub struct Listening {
    /// Dropped first.
    pub(super) inherited: Inherited,
    /// Not blocking.
    pub socket: Socket,
    /// The options for clients of this address.
    pub options: ListenerOptions,
    /// True if another process holds it open too, so that clients can wait there for the next server.
    pub passed: bool,
}

impl Listening {
    /// A socket that listens and does not block.
    pub fn new(socket: Socket, options: ListenerOptions, passed: bool) -> Self {
        Self { inherited: Inherited::new(&socket), socket, options, passed }
    }
}

impl ListenerOptions {
    pub(super) fn url(self, address: SocketAddr) -> String {
        format!("{}://{address}", if self.tls { "wss" } else { "ws" })
    }
}

/// The file of a listening Unix socket. Dropped, it is removed, unless another server has its own there by then: a
/// draining server does not listen any more, and its successor takes the path.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    made: Option<Made>,
}

/// The identity of a file, which may have the number of the one that was at its path before.
type Made = (u64, u64, SystemTime);

impl SocketFile {
    /// The file at `path`, which was made just now.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), made: made(path) }
    }
}

fn made(path: &Path) -> Option<Made> {
    let found = std::fs::symlink_metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.modified().ok()?))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.made.is_some() && self.made == made(&self.path) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// One socket for several shards.
pub(super) fn shared(socket: Socket, shards: usize) -> io::Result<Vec<Socket>> {
    let mut sockets = vec![socket];
    while sockets.len() < shards {
        let Some(socket) = sockets.first() else { break };
        sockets.push(placed(|| socket.try_clone())?);
    }
    Ok(sockets)
}

/// Clients that may wait to be accepted; the system caps it at `net.core.somaxconn`.
pub(super) const BACKLOG: i32 = 4096;
