//! Binding a Unix socket to a file.

use std::{
    io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::Path,
};

use socket2::{Domain, SockAddr, Socket, Type};

use super::bound::{BACKLOG, Bound, ListenerOptions, Listening, SocketFile, shared};
use crate::descriptors::placed;

/// A socket file that nobody answers on is left over from a crash and is replaced; one that
/// somebody answers on is in use; anything else at that path is not ours to remove.
pub(super) fn bind_unix(
    path: &Path,
    options: ListenerOptions,
    shards: usize,
    mode: u32,
) -> io::Result<Bound> {
    let address = SockAddr::unix(path)?;
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            let socket = placed(|| Socket::new(Domain::UNIX, Type::STREAM, None))?;
            // Not to wait at one whose queue is full.
            socket.set_nonblocking(true)?;
            match socket.connect(&address).map_err(|error| (error.kind(), error)) {
                Ok(()) | Err((io::ErrorKind::WouldBlock, _)) => return Err(io::ErrorKind::AddrInUse.into()),
                Err((io::ErrorKind::ConnectionRefused, _)) => std::fs::remove_file(path)?,
                Err((io::ErrorKind::NotFound, _)) => {}
                // It is another's, or of another kind.
                Err((_, error)) => return Err(error),
            }
        }
        Ok(_) => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "the path exists and is no socket"));
        }
        Err(_) => {}
    }
    let socket = placed(|| Socket::new(Domain::UNIX, Type::STREAM, None))?;
    socket.set_nonblocking(true)?;
    socket.bind(&address)?;
    let file = SocketFile::new(path);
    // Before listen nobody can connect, so nobody slips in between.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
    socket.listen(BACKLOG)?;
    let options = ListenerOptions { tls: false, ..options };
    let listening = |socket| Listening::new(socket, options, false);
    Ok(Bound {
        url: format!("ws+unix://{}", path.display()),
        sockets: shared(socket, shards)?.into_iter().map(listening).collect(),
        file: Some(file),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::bind, *};
    use crate::config::{Address, Listen};
    use std::path::PathBuf;

    /// A folder of its own, and the path of a socket in it.
    fn path(name: &str) -> (PathBuf, PathBuf) {
        let folder = std::env::temp_dir().join(format!("ferrite-listen-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("a.sock");
        (folder, path)
    }

    #[test]
    fn a_socket_file_left_by_a_crash_is_replaced_and_a_live_one_is_not() {
        let (folder, path) = path("crash");
        let listen = Listen::from(Address::Unix { path: path.clone() });
        let mut first = bind(&listen, false, 2).unwrap();
        assert!(bind(&listen, false, 1).unwrap_err().to_string().contains("already in use"));
        std::mem::forget(first[0].file.take());
        drop(first);
        assert!(path.exists());
        drop(bind(&listen, false, 1).unwrap());
        assert!(!path.exists());
        std::fs::write(&path, "precious").unwrap();
        assert!(bind(&listen, false, 1).unwrap_err().to_string().contains("is no socket"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_server_that_drains_leaves_the_file_to_the_one_that_follows() {
        let (folder, path) = path("follow");
        let listen = Listen::from(Address::Unix { path: path.clone() });
        let Bound { sockets, file, .. } = bind(&listen, false, 1).unwrap().remove(0);
        drop(sockets);
        let second = bind(&listen, false, 1).unwrap();
        drop(file);
        assert!(path.exists(), "it is the second's");
        drop(second);
        assert!(!path.exists());
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_socket_that_cannot_be_connected_to_now_is_not_taken_for_left_over() {
        let (folder, path) = path("busy");
        let listen = Listen::from(Address::Unix { path: path.clone() });
        let datagrams = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        assert!(bind(&listen, false, 1).is_err() && path.exists(), "somebody else's");
        drop(datagrams);
        std::fs::remove_file(&path).unwrap();
        let full = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        full.bind(&SockAddr::unix(&path).unwrap()).unwrap();
        full.listen(0).unwrap();
        let _waiting = std::os::unix::net::UnixStream::connect(&path).unwrap();
        assert!(bind(&listen, false, 1).unwrap_err().to_string().contains("already in use"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
