//! The role of this process when its script calls `run()`: alone, the front of workers, or one of them.

use std::{
    ffi::OsString,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use parking_lot::Mutex;

use super::server::Server;
use crate::{
    front::{self, Door, Ended, FrontError, Hello, WORKER_VARIABLE},
    log,
    php::zend::{
        engine,
        thrown::{ExceptionKind, Thrown, throw},
    },
    port::{LogLevel, remote},
    runtime::StartError,
};

/// The role of this process.
pub(in crate::php) enum Role {
    /// The server is in this process.
    Alone,
    /// The front has started this process.
    Worker(UnixStream),
    /// This process becomes the front of so many workers.
    Front(usize),
}

/// Takes the socket to the front, if a front has started this process; once, when the module starts, for a script may
/// read its standard input.
pub(in crate::php) fn adopt() {
    ADOPTED.store(process::id(), Ordering::Relaxed);
    *SOCKET.lock() = remote::adopt(WORKER_VARIABLE).map(Some);
}

/// A script that ends before it has run its server tells the front PHP's error, if that was the reason.
pub(in crate::php) fn send_last_words() {
    // A child that the script has forked has the same socket.
    if ADOPTED.load(Ordering::Relaxed) != process::id() {
        return;
    }
    let Some(socket) = SOCKET.lock().as_mut().and_then(Option::take) else { return };
    if let Some(error) = engine::last_fatal_error() {
        let error: String = error.chars().take(MOST_LAST_WORDS).collect();
        // Without them the front names the exit status.
        let _ = remote::fail(socket, error);
    }
}

/// The role of this process in a run of the server.
pub(in crate::php) fn role(server: &Server) -> Result<Role, Thrown> {
    if let Some(worker) = &mut *SOCKET.lock() {
        let used = "This worker has run its server already: a worker runs one server, once";
        return worker.take().map(Role::Worker).ok_or_else(|| throw(ExceptionKind::State, used));
    }
    let count = match std::env::var(COUNT_VARIABLE) {
        Ok(text) => text.parse().map_err(|_| {
            let error = format!("{COUNT_VARIABLE}: {text:?} is not a number of workers");
            throw(ExceptionKind::Configuration, &error)
        })?,
        Err(_) => server.workers.count,
    };
    Ok(if count == 0 { Role::Alone } else { Role::Front(count) })
}

/// The first words of this worker.
pub(in crate::php) fn hello(server: &Server) -> Hello {
    Hello {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config: server.config.clone(),
        workers: server.workers.count,
        recycling: server.workers.recycling.clone(),
        interests: server.interests(),
        announced: server.announced(),
        has_logger: server.logger.is_some(),
    }
}

/// Runs the front. Ends the process when the server has stopped: none of the script's code runs in the front any more.
/// Throws if the server does not start.
pub(in crate::php) fn be_front(count: usize) -> Result<(), Thrown> {
    let door = own_door().map_err(|error| {
        throw(ExceptionKind::State, &format!("The command line of this process cannot be read: {error}"))
    })?;
    match front::serve(door, Some(count)) {
        Ok(Ended::Stopped) => process::exit(0),
        Ok(Ended::WithoutServer(status)) => {
            let error = "the script ended in the first worker before it has run the server";
            log::line(LogLevel::Error, error, []);
            process::exit(status.code().filter(|code| *code != 0).unwrap_or(1))
        }
        Err(error) => Err(match &error {
            FrontError::Start(StartError::Config(_)) => {
                throw(ExceptionKind::Configuration, &error.to_string())
            }
            FrontError::Start(StartError::Bind(_)) => throw(ExceptionKind::Bind, &error.to_string()),
            _ => throw(ExceptionKind::Error, &error.to_string()),
        }),
    }
}

/// This very command line: the same PHP with the same settings, script and arguments.
fn own_door() -> std::io::Result<Door> {
    use std::os::unix::ffi::OsStringExt;
    let line = std::fs::read("/proc/self/cmdline")?;
    let line = line.strip_suffix(b"\0").unwrap_or(&line);
    let arguments: Vec<OsString> =
        line.split(|byte| *byte == 0).map(|word| OsStringExt::from_vec(word.to_vec())).collect();
    let script = engine::script().map(|script| as_named(script, &arguments));
    Ok(Door { program: PathBuf::from("/proc/self/exe"), arguments, script })
}

/// The script as the command line names it: a release is often a link that is changed later.
fn as_named(script: PathBuf, arguments: &[OsString]) -> PathBuf {
    let Ok(real) = script.canonicalize() else { return script };
    let is_script = |word: &&OsString| Path::new(word).canonicalize().is_ok_and(|path| path == real);
    arguments.iter().skip(1).find(is_script).map_or(script, PathBuf::from)
}

/// The socket to the front. `None`: this process is no worker; nothing in it: the socket was taken.
static SOCKET: Mutex<Option<Option<UnixStream>>> = Mutex::new(None);
/// The process that has taken the socket.
static ADOPTED: AtomicU32 = AtomicU32::new(0);
/// Characters of an error for the front: its socket takes so many at once.
const MOST_LAST_WORDS: usize = 8000;
/// Overrides the number of workers.
const COUNT_VARIABLE: &str = "FERRITE_WORKERS";
