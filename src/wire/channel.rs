//! Whole messages, with descriptors, on the socket between a front and a worker.

#![allow(unsafe_code)] // Received descriptors come as their numbers.

use std::{
    io::{self, IoSlice, IoSliceMut, Read, Write},
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
};

use nix::{
    cmsg_space,
    sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::descriptors::placed;

/// Sends a message, and descriptors with its first bytes.
pub fn send<T: Serialize>(socket: &mut UnixStream, message: &T, descriptors: &[RawFd]) -> io::Result<()> {
    let message = postcard::to_allocvec(message).map_err(io::Error::other)?;
    let length = u32::try_from(message.len()).map_err(io::Error::other)?.to_le_bytes();
    let rights = [ControlMessage::ScmRights(descriptors)];
    let control = if descriptors.is_empty() { &[][..] } else { &rights };
    let flags = MsgFlags::MSG_NOSIGNAL;
    let sent = sendmsg::<()>(socket.as_raw_fd(), &[IoSlice::new(&length)], control, flags, None)?;
    if sent != length.len() {
        return Err(io::ErrorKind::WriteZero.into());
    }
    socket.write_all(&message)
}

/// Waits for a message and its descriptors.
pub fn receive<T: DeserializeOwned>(socket: &mut UnixStream) -> io::Result<(T, Vec<OwnedFd>)> {
    let mut length = [0; LENGTH];
    let mut space = cmsg_space!([RawFd; MOST_DESCRIPTORS]);
    let mut descriptors = Vec::new();
    let received = {
        let mut parts = [IoSliceMut::new(&mut length)];
        let flags = MsgFlags::MSG_CMSG_CLOEXEC;
        let received = recvmsg::<()>(socket.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
        for message in received.cmsgs()? {
            if let ControlMessageOwned::ScmRights(numbers) = message {
                for number in numbers {
                    // SAFETY: the descriptor has just been made for this process, and nothing else knows its number.
                    descriptors.push(unsafe { OwnedFd::from_raw_fd(number) });
                }
            }
        }
        received.bytes
    };
    if received == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    socket.read_exact(length.get_mut(received..).unwrap_or_default())?;
    let mut message = vec![0; checked(u32::from_le_bytes(length))?];
    socket.read_exact(&mut message)?;
    let descriptors = descriptors.into_iter().map(|one| placed(|| Ok(one))).collect::<io::Result<_>>()?;
    Ok((postcard::from_bytes(&message).map_err(io::Error::other)?, descriptors))
}

/// Reads one message from a socket that does not block.
#[derive(Debug, Default)]
pub struct Incoming(Vec<u8>);

impl Incoming {
    /// Reads what is there. `None` until the message is complete.
    pub fn read<T: DeserializeOwned>(&mut self, socket: &mut UnixStream) -> io::Result<Option<T>> {
        loop {
            let whole = match self.0.first_chunk::<LENGTH>() {
                Some(length) => LENGTH + checked(u32::from_le_bytes(*length))?,
                None => LENGTH,
            };
            if self.0.len() > LENGTH && self.0.len() == whole {
                let message = self.0.get(LENGTH..).unwrap_or_default();
                return postcard::from_bytes(message).map(Some).map_err(io::Error::other);
            }
            let begun = self.0.len();
            self.0.resize(whole, 0);
            let read = socket.read(self.0.get_mut(begun..).unwrap_or_default());
            self.0.truncate(begun + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn checked(length: u32) -> io::Result<usize> {
    let length = length as usize;
    if length > MOST { Err(io::Error::other("a message that is too large")) } else { Ok(length) }
}

const LENGTH: usize = size_of::<u32>();
/// Bytes of a message at most: the options of a script, with its keys.
const MOST: usize = 8 << 20;
const MOST_DESCRIPTORS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_whole_with_its_descriptors() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let text = "x".repeat(70_000);
        let file = std::fs::File::open("/dev/null").unwrap();
        let sent = std::thread::spawn(move || send(&mut one, &text, &[file.as_raw_fd()]).unwrap());
        let (found, descriptors): (String, _) = receive(&mut other).unwrap();
        sent.join().unwrap();
        assert_eq!((found.len(), descriptors.len()), (70_000, 1));
    }

    #[test]
    fn a_message_that_comes_in_parts_is_read_without_waiting() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        other.set_nonblocking(true).unwrap();
        let mut incoming = Incoming::default();
        let message = postcard::to_allocvec("hello").unwrap();
        let mut bytes = (message.len() as u32).to_le_bytes().to_vec();
        bytes.extend(message);
        for byte in &bytes[..bytes.len() - 1] {
            one.write_all(&[*byte]).unwrap();
            assert!(incoming.read::<String>(&mut other).unwrap().is_none());
        }
        one.write_all(&bytes[bytes.len() - 1..]).unwrap();
        assert_eq!(incoming.read::<String>(&mut other).unwrap().as_deref(), Some("hello"));
        drop(one);
        assert!(Incoming::default().read::<String>(&mut other).is_err());
    }
}
