//! Becoming a worker: the front's socket is the standard input of a process that the front has started.

use std::{
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream,
    },
};

use nix::{
    sys::{
        prctl::set_pdeathsig,
        signal::{SigSet, Signal},
        socket::{getsockopt, sockopt::PeerCredentials},
    },
    unistd::dup2_stdin,
};

use crate::descriptors::placed;

/// Takes the socket to the front, if a front with the process id in the environment variable `name` has started this
/// process. Standard input is empty afterwards, and this process ends when the front does. `None` for any other process,
/// such as a program that a worker has started.
pub fn adopt(name: &str) -> Option<UnixStream> {
    let front = std::env::var(name).ok()?.parse::<i32>().ok()?;
    let input = io::stdin();
    // The maker of a socket pair is its peer.
    if getsockopt(&input, PeerCredentials).ok()?.pid() != front {
        return None;
    }
    let socket: OwnedFd = placed(|| input.as_fd().try_clone_to_owned()).ok()?;
    let nothing = std::fs::File::open("/dev/null").ok()?;
    dup2_stdin(&nothing).ok()?;
    set_pdeathsig(Signal::SIGKILL).ok()?;
    // The front blocks those that it waits for, and its children begin so.
    SigSet::empty().thread_set_mask().ok()?;
    Some(socket.into())
}
