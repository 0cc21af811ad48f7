//! The management socket: where it is, and the requests and answers on it.
//!
//! A Unix socket for the user of the server alone. A client sends one line of JSON, a [`Request`], and gets one line, an
//! [`Answer`]. Its name comes from the script's real path, so that a client finds it by the script.

use std::{
    env, fs, io,
    os::{
        fd::AsRawFd,
        unix::{
            ffi::OsStrExt,
            fs::{DirBuilderExt, MetadataExt, PermissionsExt},
            net::UnixListener,
        },
    },
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket},
    unistd::geteuid,
};
use serde::{Deserialize, Serialize};

use crate::descriptors::placed;

/// A request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "lowercase", deny_unknown_fields)]
pub enum Request {
    /// Asks for the state of the server.
    Status,
    /// Starts a new generation; answered when it serves, or is given up.
    Reload,
    /// Stops the server; answered at once. The connection lasts until the server has ended.
    Stop {
        /// Time for clients to leave, in seconds; 10 unless given.
        #[serde(default)]
        grace: Option<f64>,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// The state of the server.
    Status(Status),
    /// A new generation serves.
    Reloaded {
        /// Its number.
        generation: u64,
        /// The time that it has taken.
        seconds: f64,
    },
    /// The server stops.
    Stopping {
        /// The process id of the front.
        pid: u32,
    },
    /// The request was not carried out.
    Failed {
        /// The reason; for a reload, PHP's own words where there are any.
        reason: String,
    },
}

/// The state of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The process id of the front.
    pub pid: u32,
    /// The version of Ferrite.
    pub version: String,
    /// The script as it was named, as an absolute path.
    pub script: String,
    /// Time since the start, in seconds.
    pub uptime: f64,
    /// The addresses that are bound.
    pub addresses: Vec<String>,
    /// Open connections.
    pub connections: usize,
    /// The generation that serves.
    pub generation: u64,
    /// True while a new generation gets ready.
    pub reloading: bool,
    /// True once the server was told to stop.
    pub stopping: bool,
    /// The workers, also those that come and go.
    pub workers: Vec<WorkerStatus>,
}

/// The state of a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// Its number, from 0.
    pub index: usize,
    /// Its process id.
    pub pid: u32,
    /// `starting`, `ready`, `retiring` or `leaving`.
    pub state: String,
    /// Its generation.
    pub generation: u64,
    /// Time since its start, in seconds.
    pub age: f64,
    /// Events that it has not finished.
    pub unfinished: usize,
    /// True for the worker that runs the timers of the whole server.
    pub leader: bool,
    /// Resident memory in bytes; 0 if unknown.
    pub memory: u64,
}

/// The folders in which management sockets may be, the one for a new one first. A unit of systemd has one of its own, and
/// looks nowhere else.
pub fn folders() -> Vec<PathBuf> {
    if let Some(given) = env::var_os("RUNTIME_DIRECTORY") {
        // systemd separates several by colons.
        let first = given.as_bytes().split(|byte| *byte == b':').next().unwrap_or_default();
        return vec![PathBuf::from(std::ffi::OsStr::from_bytes(first))];
    }
    let user = geteuid();
    let session = env::var_os("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("ferrite"));
    let mut folders: Vec<_> = session.into_iter().collect();
    folders.push(PathBuf::from(format!("/tmp/ferrite-{user}")));
    folders.retain(|folder| folder.is_absolute());
    // Of servers that were started with other variables.
    for folder in [format!("/run/user/{user}/ferrite"), "/run/ferrite".to_owned()].map(PathBuf::from) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

/// True if no other user may have put something into the folder.
pub fn is_own(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|data| {
        let owner = data.uid();
        data.is_dir() && (owner == geteuid().as_raw() || owner == 0) && data.mode() & 0o022 == 0
    })
}

/// The name of the socket for a script, given by its real path.
pub fn file_name(script: &Path) -> String {
    let stem = script.file_stem().unwrap_or_default().to_string_lossy();
    let readable: String = stem
        .chars()
        .map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' })
        .take(MOST_STEM)
        .collect();
    format!("{readable}-{:016x}.{EXTENSION}", hash(script.as_os_str().as_bytes()))
}

/// FNV-1a: the same in every version and on every machine.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// A management socket that this process has made. Its file goes with it.
#[derive(Debug)]
pub(super) struct ManagementSocket {
    pub(super) listener: UnixListener,
    path: PathBuf,
    identity: (u64, u64),
}

impl ManagementSocket {
    /// Makes the socket for a script, given by its real path.
    pub(super) fn open(script: &Path) -> io::Result<Self> {
        let folder = folders().into_iter().next().unwrap_or_default();
        // systemd makes its own; the user's runtime directory exists.
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if !is_own(&folder) {
            let error = format!("{} is not a folder of this user's alone", folder.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, error));
        }
        Self::take(&folder, &file_name(script))
    }

    fn take(folder: &Path, name: &str) -> io::Result<Self> {
        // Two servers that find the same stale socket must not remove each other's.
        let _locked = lock(folder)?;
        let path = folder.join(name);
        if is_alive(&path)? {
            let error = format!("another server of this script has {}", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, error));
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = placed(|| UnixListener::bind(&path))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        listener.set_nonblocking(true)?;
        let data = fs::symlink_metadata(&path)?;
        Ok(Self { listener, path, identity: (data.dev(), data.ino()) })
    }
}

impl Drop for ManagementSocket {
    fn drop(&mut self) {
        let is_ours = |data: fs::Metadata| (data.dev(), data.ino()) == self.identity;
        if fs::symlink_metadata(&self.path).is_ok_and(is_ours) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn lock(folder: &Path) -> io::Result<Flock<fs::File>> {
    let mut file = fs::File::open(folder)?;
    for _ in 0..LOCK_ATTEMPTS {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(locked) => return Ok(locked),
            Err((returned, _)) => file = returned,
        }
        thread::sleep(LOCK_WAIT);
    }
    Err(io::Error::other(format!("{} stays locked", folder.display())))
}

/// True if a process listens there. Does not wait for it.
fn is_alive(path: &Path) -> io::Result<bool> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let probe = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    match connect(probe.as_raw_fd(), &UnixAddr::new(path)?) {
        Err(Errno::ECONNREFUSED | Errno::ENOENT) => Ok(false),
        // It is there and has too much to do, or refuses this user.
        Ok(()) | Err(_) => Ok(true),
    }
}

/// The ending of the names of management sockets.
pub const EXTENSION: &str = "sock";
/// The longest request in bytes.
pub const MOST_REQUEST: usize = 4096;
/// Letters of a script's name in the socket's.
const MOST_STEM: usize = 32;
const LOCK_ATTEMPTS: usize = 50;
const LOCK_WAIT: Duration = Duration::from_millis(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = env::temp_dir().join(format!("ferrite-{name}-{}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&folder).unwrap();
        folder
    }

    #[test]
    fn a_name_is_readable_and_tells_scripts_apart() {
        let name = file_name(Path::new("/srv/chat/my server.php"));
        assert!(name.starts_with("my-server-") && name.ends_with(".sock"), "{name}");
        assert_eq!(name, file_name(Path::new("/srv/chat/my server.php")));
        assert_ne!(name, file_name(Path::new("/srv/game/my server.php")));
        assert!(file_name(Path::new(&format!("/{}.php", "x".repeat(200)))).len() < 60);
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_is_left_alone() {
        let folder = folder("stale");
        let path = folder.join("app.sock");
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let first = ManagementSocket::take(&folder, "app.sock").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let second = ManagementSocket::take(&folder, "app.sock").unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        assert!(path.exists());
        drop(first);
        assert!(!path.exists());
        fs::remove_dir(&folder).unwrap();
    }

    #[test]
    fn a_file_of_another_server_is_not_removed_at_the_end() {
        let folder = folder("other");
        let path = folder.join("app.sock");
        let first = ManagementSocket::take(&folder, "app.sock").unwrap();
        fs::remove_file(&path).unwrap();
        // Some file systems give a freed number at once again: another file takes it.
        fs::write(folder.join("taken"), "").unwrap();
        let second = ManagementSocket::take(&folder, "app.sock").unwrap();
        assert_ne!(first.identity, second.identity);
        drop(first);
        assert!(path.exists());
        drop(second);
        fs::remove_file(folder.join("taken")).unwrap();
        fs::remove_dir(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_others_may_write_to_is_not_used() {
        let folder = folder("shared");
        assert!(is_own(&folder));
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!is_own(&folder));
        fs::remove_dir(&folder).unwrap();
        assert!(!is_own(&folder));
    }

    #[test]
    fn requests_are_lines_of_json() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        assert_eq!(read(r#"{"command":"stop","grace":2}"#).unwrap(), Request::Stop { grace: Some(2.0) });
        assert_eq!(read(r#"{"command":"stop"}"#).unwrap(), Request::Stop { grace: None });
        assert_eq!(read(r#"{"command":"reload"}"#).unwrap(), Request::Reload);
        assert!(read(r#"{"command":"dance"}"#).is_err());
    }
}
