//! Starting a worker's process.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::CommandExt},
    },
    process::{Child, Command, Stdio},
};

use crate::{descriptors::placed, wire::Door};

/// A process that was started, and the front's end of its socket.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) socket: UnixStream,
}

/// Starts a worker. Its end of the socket is its standard input, which it replaces at once. It has a process group of
/// its own, so that Ctrl-C in a terminal reaches the front alone, and nothing of systemd's: the front speaks to it.
pub(super) fn spawn(door: &Door) -> io::Result<Spawned> {
    let (ours, theirs) = UnixStream::pair()?;
    let ours = UnixStream::from(placed(|| Ok(OwnedFd::from(ours)))?);
    ours.set_nonblocking(true)?;
    let mut command = Command::new(&door.program);
    if let Some((name, arguments)) = door.arguments.split_first() {
        command.arg0(name).args(arguments);
    }
    for name in
        ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"]
    {
        command.env_remove(name);
    }
    let child = command
        .env(WORKER_VARIABLE, std::process::id().to_string())
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .process_group(0)
        .spawn()?;
    Ok(Spawned { child, socket: ours })
}

/// Set in a worker's environment, to the process id of its front.
pub const WORKER_VARIABLE: &str = "FERRITE_WORKER_OF";
