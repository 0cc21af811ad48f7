//! Listening sockets that systemd opened and passes on: `sd_listen_fds(3)`.
//!
//! Not by a library: sd-notify hands out the numbers of the descriptors, and whether they are sockets that listen, and
//! that they are copied to 1024 or above, would remain to us.
#![allow(unsafe_code)] // A descriptor that is passed is known by its number only.

use std::{
    io,
    os::fd::{BorrowedFd, RawFd},
};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use socket2::{Socket, Type};

use crate::descriptors::placed;

/// The listening sockets that were passed to this process with this name, or all of them: copies, so
/// that a server may end and begin again. The environment is read each time; it stays as it is.
pub(super) fn passed(name: Option<&str>) -> io::Result<Vec<Socket>> {
    let variable = |name: &str| std::env::var(name).ok();
    let all = descriptors(std::process::id(), variable).map_err(io::Error::other)?;
    let wanted: Vec<_> = all.iter().filter(|(_, found)| name.is_none_or(|name| name == found)).collect();
    if wanted.is_empty() {
        let names: Vec<_> = all.iter().map(|(_, name)| name.as_str()).collect();
        let reason =
            format!("no socket of that name was passed, only: {} (FileDescriptorName=)", names.join(", "));
        return Err(io::Error::other(reason));
    }
    wanted
        .into_iter()
        .map(|(descriptor, name)| {
            listening(*descriptor).map_err(|error| {
                io::Error::other(format!("descriptor {descriptor} ({name}) cannot be used: {error}"))
            })
        })
        .collect()
}

/// Keeps the sockets that were passed to this process from programs that it starts.
pub fn keep_passed() {
    let variable = |name: &str| std::env::var(name).ok();
    for (descriptor, _) in descriptors(std::process::id(), variable).unwrap_or_default() {
        // SAFETY: as in `listening`; an error means that it is not open.
        let passed = unsafe { BorrowedFd::borrow_raw(descriptor) };
        let _ = fcntl(passed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC));
    }
}

/// The descriptors that the environment tells of, and their names.
fn descriptors(
    process: u32,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(RawFd, String)>, String> {
    let (Some(owner), Some(count)) = (variable("LISTEN_PID"), variable("LISTEN_FDS")) else {
        return Err("no sockets were passed (LISTEN_FDS is not set): start it by a .socket unit".to_owned());
    };
    if owner.parse() != Ok(process) {
        return Err(format!(
            "the sockets were passed to process {owner} and this is {process}: let ExecStart= start php itself, \
             without a shell in between"
        ));
    }
    let count = count.parse().ok().filter(|count| (1..=MOST).contains(count));
    let count: RawFd = count.ok_or("LISTEN_FDS is no number of sockets")?;
    let names = variable("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let name = || names.next().filter(|name| !name.is_empty()).unwrap_or("unknown").to_owned();
    Ok((FIRST..FIRST + count).zip(std::iter::repeat_with(name)).collect())
}

/// A copy of a descriptor, if that is a stream socket that listens. Neither of them goes to programs
/// that this process starts.
fn listening(descriptor: RawFd) -> io::Result<Socket> {
    // SAFETY: the process that passed it keeps it open, and this one does not close it. It is borrowed for this
    // function only; if it is not open after all, the first call says so (EBADF).
    let passed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    fcntl(passed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    let socket = Socket::from(placed(|| passed.try_clone_to_owned())?);
    if socket.r#type()? != Type::STREAM || !socket.is_listener()? {
        return Err(io::Error::other("it is not a stream socket that listens (ListenStream=, Accept=no)"));
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// `SD_LISTEN_FDS_START`.
const FIRST: RawFd = 3;
/// More than anybody passes, and no overflow.
const MOST: RawFd = 1024;

#[cfg(test)]
mod tests {
    use std::{net, os::fd::AsRawFd};

    use super::*;

    fn told(variables: &[(&str, &str)]) -> Result<Vec<(RawFd, String)>, String> {
        descriptors(7, |name| {
            variables.iter().find(|(found, _)| *found == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_tells_which_descriptors_are_passed() {
        let named = |names: &str| {
            let variables = [("LISTEN_PID", "7"), ("LISTEN_FDS", "2"), ("LISTEN_FDNAMES", names)];
            told(&variables).unwrap().into_iter().map(|(fd, name)| format!("{fd}={name}")).collect::<Vec<_>>()
        };
        assert_eq!(named("web:admin"), ["3=web", "4=admin"]);
        assert_eq!(named("web"), ["3=web", "4=unknown"]);
        assert_eq!(named("web::"), ["3=web", "4=unknown"]);
        assert_eq!(named(""), ["3=unknown", "4=unknown"]);
    }

    #[test]
    fn an_environment_that_is_for_nobody_or_somebody_else_is_an_error_that_says_so() {
        for (variables, reason) in [
            (&[][..], "no sockets were passed"),
            (&[("LISTEN_FDS", "1")], "no sockets were passed"),
            (&[("LISTEN_PID", "7")], "no sockets were passed"),
            (
                &[("LISTEN_FDS", "1"), ("LISTEN_PID", "8")],
                "the sockets were passed to process 8 and this is 7",
            ),
            (&[("LISTEN_FDS", "1"), ("LISTEN_PID", "")], "the sockets were passed to process "),
            (&[("LISTEN_FDS", "0"), ("LISTEN_PID", "7")], "LISTEN_FDS is no number of sockets"),
            (&[("LISTEN_FDS", "-1"), ("LISTEN_PID", "7")], "LISTEN_FDS is no number of sockets"),
            (&[("LISTEN_FDS", "2147483647"), ("LISTEN_PID", "7")], "LISTEN_FDS is no number of sockets"),
        ] {
            let error = told(variables).unwrap_err();
            assert!(error.starts_with(reason), "{error}");
        }
    }

    #[test]
    fn only_a_listening_stream_socket_is_taken_and_as_a_copy() {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let copy = listening(listener.as_raw_fd()).unwrap();
        assert_ne!(copy.as_raw_fd(), listener.as_raw_fd());
        assert_eq!(copy.local_addr().unwrap().as_socket(), listener.local_addr().ok());
        drop(copy);
        let connected = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let datagrams = net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for descriptor in [connected.as_raw_fd(), datagrams.as_raw_fd(), file.as_raw_fd(), 1_000_000] {
            assert!(listening(descriptor).is_err(), "{descriptor}");
        }
    }
}
