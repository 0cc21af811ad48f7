//! Descriptors by their numbers: high ones for this library, and the standard ones for nobody.

#![allow(unsafe_code)] // A new descriptor comes as its number.

use std::{
    fs::OpenOptions,
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd},
    os::unix::net::UnixDatagram,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, FdFlag, fcntl},
};

use super::limit::{FLOOR, Raised, lowest};

/// Standard input, output and error are below.
pub const STANDARD: RawFd = 3;

/// Makes a descriptor and places it.
pub fn placed<T: From<OwnedFd> + Into<OwnedFd>>(make: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    keep_standard();
    place(make()?.into(), &mut Raised::take()).map(T::from)
}

/// Moves a descriptor to a high number; where the limit of open files leaves none, to the highest part that has room.
/// Fails only if nothing is left but the number of a standard descriptor.
pub fn place(descriptor: OwnedFd, raised: &mut Raised) -> io::Result<OwnedFd> {
    let mut lowest = lowest();
    if descriptor.as_raw_fd() >= lowest {
        return Ok(descriptor);
    }
    let has_room = descriptor.as_raw_fd() >= STANDARD;
    loop {
        let moved = match duplicate(&descriptor, lowest) {
            Err(_) if raised.again() => duplicate(&descriptor, lowest),
            moved => moved,
        };
        if moved.is_err() && lowest > STANDARD {
            lowest = (lowest / 2).max(STANDARD);
            if !has_room || lowest > descriptor.as_raw_fd() {
                continue;
            }
        }
        return match moved {
            Err(_) if has_room => Ok(descriptor),
            moved => {
                release(descriptor);
                Ok(moved?)
            }
        };
    }
}

/// Opens those of the three standard descriptors on `/dev/null` that are closed, so that nothing else gets their
/// numbers. To be called before a descriptor is made: whenever a script has closed them.
pub fn keep_standard() {
    for _ in 0..STANDARD {
        if are_standard_open() {
            return;
        }
        let Ok(null) = null() else { return };
        if null.as_raw_fd() < STANDARD {
            leave_open(null);
        }
    }
}

/// Takes every number below the floor for as long as it is kept, so that descriptors made by others meanwhile, such
/// as those inside a runtime, get higher ones.
#[derive(Debug)]
pub struct Placeholders {
    _held: Vec<OwnedFd>,
    _raised: Raised,
}

impl Placeholders {
    /// Takes the numbers that are free.
    pub fn below_floor() -> Self {
        keep_standard();
        let (mut raised, lowest) = (Raised::take(), lowest());
        let mut held = Vec::new();
        if let Ok(null) = null() {
            for _ in 0..FLOOR {
                match duplicate(&null, STANDARD) {
                    Ok(placeholder) if placeholder.as_raw_fd() >= lowest => break,
                    Ok(placeholder) => held.push(placeholder),
                    Err(_) if raised.again() => {}
                    Err(_) => break,
                }
            }
            held.push(null);
        }
        Self { _held: held, _raised: raised }
    }
}

fn duplicate(descriptor: &OwnedFd, lowest: RawFd) -> Result<OwnedFd, Errno> {
    let number = fcntl(descriptor, FcntlArg::F_DUPFD_CLOEXEC(lowest))?;
    // SAFETY: the call has just made it, and nobody else knows of it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Closes a descriptor that was moved. If its number is a standard one, that must not be free for a moment.
fn release(mut descriptor: OwnedFd) {
    if descriptor.as_raw_fd() < STANDARD
        && let Ok(null) = null()
        && nix::unistd::dup2(null.as_fd(), &mut descriptor).is_ok()
    {
        leave_open(descriptor);
        if null.as_raw_fd() < STANDARD {
            leave_open(null);
        }
    }
}

/// For the rest of the process's life, and for the programs that it starts.
fn leave_open(descriptor: OwnedFd) {
    let _ = fcntl(&descriptor, FcntlArg::F_SETFD(FdFlag::empty()));
    let _ = descriptor.into_raw_fd();
}

/// A descriptor that takes and gives nothing.
fn null() -> io::Result<OwnedFd> {
    let file = OpenOptions::new().read(true).write(true).open("/dev/null");
    // Where there is none, as in some chroots: a socket without another end.
    file.map(OwnedFd::from).or_else(|_| UnixDatagram::unbound().map(OwnedFd::from))
}

/// In one call, for it precedes every accept.
fn are_standard_open() -> bool {
    let mut standard = [0, 1, 2].map(|fd| libc::pollfd { fd, events: 0, revents: 0 });
    // SAFETY: as many entries as are said, and no waiting.
    let found = unsafe { libc::poll(standard.as_mut_ptr(), standard.len() as libc::nfds_t, 0) };
    found <= 0 || standard.iter().all(|entry| entry.revents & libc::POLLNVAL == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_is_placed_above_what_select_knows_and_is_the_same_file() {
        let (mut mine, other) = std::os::unix::net::UnixStream::pair().unwrap();
        let placed = placed(|| Ok(other)).unwrap();
        assert!(placed.as_raw_fd() >= FLOOR, "{placed:?}");
        let flags = fcntl(&placed, FcntlArg::F_GETFD).unwrap();
        assert!(FdFlag::from_bits_retain(flags).contains(FdFlag::FD_CLOEXEC));
        std::io::Write::write_all(&mut &placed, b"x").unwrap();
        std::io::Read::read_exact(&mut mine, &mut [0]).unwrap();
    }

    #[test]
    fn what_others_make_beside_placeholders_is_above_the_floor() {
        let placeholders = Placeholders::below_floor();
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(file.as_raw_fd() >= FLOOR, "{file:?}");
        drop(placeholders);
    }
}
