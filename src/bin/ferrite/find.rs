//! Finding the servers that run, and asking them.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf, absolute},
    time::Duration,
};

use ferrite::front::management::{Answer, EXTENSION, Request, Status, file_name, folders, is_own};

use crate::{FAILED, Failure, NOT_RUNNING, USAGE};

/// A server that runs.
pub(crate) struct Running {
    socket: PathBuf,
}

/// An open request.
pub(crate) struct Asked(BufReader<UnixStream>);

/// The server of a script, or the only one that runs.
pub(crate) fn find(script: Option<&Path>) -> Result<Running, Failure> {
    if let Some(named) = script {
        return of_script(named);
    }
    let mut all = all();
    match (all.pop(), all.len()) {
        (None, _) => Err(Failure::new(NOT_RUNNING, "no server runs")),
        (Some((only, _)), 0) => Ok(only),
        (Some(last), _) => {
            all.push(last);
            let lines: Vec<_> =
                all.iter().map(|(_, found)| format!("  {} (pid {})", found.script, found.pid)).collect();
            let lines = lines.join("\n");
            Err(Failure::new(USAGE, format!("several servers run; name the script of one:\n{lines}")))
        }
    }
}

fn of_script(named: &Path) -> Result<Running, Failure> {
    if let Ok(real) = named.canonicalize() {
        let name = file_name(&real);
        let sockets = own_folders().map(|folder| folder.join(&name));
        if let Some(socket) = sockets.into_iter().find(|path| UnixStream::connect(path).is_ok()) {
            return Ok(Running { socket });
        }
    }
    // The script may be deleted, or a link on its path may lead to another release by now.
    let path = absolute(named).unwrap_or_else(|_| named.to_owned());
    let found = all().into_iter().find(|(_, status)| status.script == path.to_string_lossy());
    found.map(|(running, _)| running).ok_or_else(|| {
        Failure::new(NOT_RUNNING, format!("no server of {} runs, or none of this user", named.display()))
    })
}

fn own_folders() -> impl Iterator<Item = PathBuf> {
    // /run/ferrite belongs to the service's user, which only an administrator can choose.
    folders().into_iter().filter(|folder| is_own(folder) || folder.starts_with("/run") && folder.is_dir())
}

/// All servers that answer.
fn all() -> Vec<(Running, Status)> {
    let mut found = Vec::new();
    for folder in own_folders() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten().map(|entry| entry.path());
        for socket in entries.filter(|path| path.extension().is_some_and(|ending| ending == EXTENSION)) {
            let running = Running { socket };
            if let Ok(Answer::Status(status)) =
                running.ask(&Request::Status).and_then(|mut asked| asked.answer(Some(SHORT)))
            {
                found.push((running, status));
            }
        }
    }
    found.sort_by(|(_, one), (_, other)| one.script.cmp(&other.script));
    found
}

impl Running {
    pub(crate) fn ask(&self, request: &Request) -> Result<Asked, Failure> {
        let failed = |error| self.failed(&error);
        let mut stream = UnixStream::connect(&self.socket).map_err(failed)?;
        let mut line = serde_json::to_vec(request).map_err(|error| self.failed(&error.into()))?;
        line.push(b'\n');
        stream.write_all(&line).map_err(failed)?;
        Ok(Asked(BufReader::new(stream)))
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::new(FAILED, format!("{} cannot be asked: {error}", self.socket.display()))
    }
}

impl Asked {
    /// The answer; waits for it at most as long as `limit`.
    pub(crate) fn answer(&mut self, limit: Option<Duration>) -> Result<Answer, Failure> {
        let _ = self.0.get_ref().set_read_timeout(limit);
        let mut line = Vec::new();
        let read = self.0.by_ref().take(MOST_ANSWER).read_until(b'\n', &mut line);
        match read {
            Ok(_) if line.ends_with(b"\n") => serde_json::from_slice(&line).map_err(|error| {
                Failure::new(FAILED, format!("the server's answer is not understood: {error}"))
            }),
            Ok(_) => Err(Failure::new(FAILED, "the server has ended before it has answered")),
            Err(error) => Err(Failure::new(FAILED, format!("the server does not answer: {error}"))),
        }
    }

    /// Waits until the server has ended.
    pub(crate) fn wait_for_end(&mut self) {
        let _ = self.0.get_ref().set_read_timeout(None);
        let _ = self.0.read_until(b'\n', &mut Vec::new());
    }
}

/// Time for an answer that needs no work.
pub(crate) const SHORT: Duration = Duration::from_secs(5);
/// The longest answer in bytes.
const MOST_ANSWER: u64 = 1 << 20;
