//! The front's side of the management socket: its clients, and the answers.
//!
//! Everything is done in the front's thread and without waiting: a client that does not take its answer loses it.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf, absolute},
    process,
    time::{Duration, Instant},
};

use nix::{
    sys::socket::{getsockopt, sockopt::PeerCredentials},
    unistd::geteuid,
};

use super::{
    management::{Answer, MOST_REQUEST, ManagementSocket, Request, Status, WorkerStatus},
    recycling::resident,
    run::{Front, SIGNAL_GRACE},
    worker::{State, Worker},
};
use crate::{descriptors::placed, port::LogLevel};

/// The management socket and its clients.
#[derive(Debug)]
pub(super) struct Manage {
    started: Instant,
    /// The script as it was named, and its real path.
    script: Option<(PathBuf, PathBuf)>,
    socket: Option<ManagementSocket>,
    /// True while new clients are noticed.
    is_listening: bool,
    clients: Vec<Client>,
}

#[derive(Debug)]
struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    state: Phase,
}

/// The progress of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It has not sent all of its request.
    Asking,
    /// It waits for the end of the reload.
    AwaitsReload,
    /// It waits for the end of the reload after the one that is on.
    AwaitsNextReload,
    /// It waits for the end of the server.
    AwaitsEnd,
    /// It is done.
    Done,
}

impl Phase {
    fn awaits_reload(self) -> bool {
        matches!(self, Self::AwaitsReload | Self::AwaitsNextReload)
    }
}

impl Manage {
    pub(super) fn new(script: Option<&Path>) -> Self {
        let script = script.and_then(|named| Some((absolute(named).ok()?, fs::canonicalize(named).ok()?)));
        Self { started: Instant::now(), script, socket: None, is_listening: false, clients: Vec::new() }
    }
}

impl Front {
    /// Makes the management socket. A server without one serves all the same.
    pub(super) fn open_management(&mut self) {
        let Some((_, script)) = &self.manage.script else { return };
        match ManagementSocket::open(script) {
            Ok(socket) => self.manage.socket = Some(socket),
            Err(error) => {
                let reason = error.to_string();
                self.say(LogLevel::Warning, "there is no management socket", [("reason", &*reason)]);
            }
        }
        self.listen_for_management();
    }

    /// Notices new clients, also again after one that could not be accepted.
    pub(super) fn listen_for_management(&mut self) {
        let Some(socket) = &self.manage.socket else { return };
        if !self.manage.is_listening {
            self.manage.is_listening = self.watch.manage(&socket.listener).is_ok();
        }
    }

    /// Accepts clients, and reads their requests.
    pub(super) fn serve_management(&mut self) {
        self.accept_clients();
        let mut clients = std::mem::take(&mut self.manage.clients);
        let mut reloads = false;
        for client in clients.iter_mut().filter(|client| client.state == Phase::Asking) {
            match client.read() {
                Ok(None) => {}
                Ok(Some(request)) => {
                    self.watch.forget(&client.stream);
                    client.state = match request {
                        Ok(request) => self.obey_client(request, client),
                        Err(reason) => client.answer(&Answer::Failed { reason }),
                    };
                    reloads |= client.state.awaits_reload();
                }
                Err(_) => client.state = Phase::Done,
            }
        }
        clients.retain(|client| client.state != Phase::Done);
        self.manage.clients = clients;
        // With the clients in their place, for a reload may be given up at once.
        if reloads {
            self.reload();
        }
    }

    fn accept_clients(&mut self) {
        while let Some(socket) = &self.manage.socket {
            let listener = &socket.listener;
            match placed(|| listener.accept().map(|(stream, _)| stream)) {
                Ok(stream) => self.accept(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    // No descriptor is free: the same again would be a loop.
                    self.watch.forget(&socket.listener);
                    self.manage.is_listening = false;
                    return;
                }
            }
        }
    }

    fn accept(&mut self, stream: UnixStream) {
        let may = getsockopt(&stream, PeerCredentials)
            .is_ok_and(|peer| peer.uid() == geteuid().as_raw() || peer.uid() == 0);
        if !may || stream.set_nonblocking(true).is_err() || self.watch.manage(&stream).is_err() {
            return;
        }
        if self.manage.clients.len() >= MOST_CLIENTS {
            // The one that has been silent for the longest.
            let idle = self.manage.clients.iter().position(|client| client.state == Phase::Asking);
            self.manage.clients.remove(idle.unwrap_or(0));
        }
        self.manage.clients.push(Client { stream, received: Vec::new(), state: Phase::Asking });
    }

    fn obey_client(&mut self, request: Request, client: &mut Client) -> Phase {
        match request {
            Request::Status => client.answer(&Answer::Status(self.status())),
            Request::Reload if self.consumer.stopping().is_some() => {
                client.answer(&Answer::Failed { reason: "the server stops".to_owned() })
            }
            // The workers of a reload that is on may have read the script before it changed.
            Request::Reload if self.generations.reload.is_some() => Phase::AwaitsNextReload,
            Request::Reload => Phase::AwaitsReload,
            Request::Stop { grace } => {
                let wanted = grace.map_or(Ok(SIGNAL_GRACE), Duration::try_from_secs_f64);
                let Ok(grace) = wanted else {
                    return client
                        .answer(&Answer::Failed { reason: "grace is no time in seconds".to_owned() });
                };
                client.answer(&Answer::Stopping { pid: process::id() });
                self.stop(grace.min(LONGEST_GRACE));
                Phase::AwaitsEnd
            }
        }
    }

    /// A reload has ended: answers the clients that wait for it.
    pub(super) fn answer_reload(&mut self, answer: &Answer) {
        for client in &mut self.manage.clients {
            match client.state {
                Phase::AwaitsReload => client.state = client.answer(answer),
                Phase::AwaitsNextReload => client.state = Phase::AwaitsReload,
                _ => {}
            }
        }
        self.manage.clients.retain(|client| client.state != Phase::Done);
    }

    fn status(&self) -> Status {
        let script = self.manage.script.as_ref();
        Status {
            pid: process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            script: script.map(|(named, _)| named.to_string_lossy().into_owned()).unwrap_or_default(),
            uptime: self.manage.started.elapsed().as_secs_f64(),
            addresses: self.server.addresses().to_vec(),
            connections: self.publisher.borrow().count(),
            generation: self.generations.number,
            reloading: self.generations.reload.is_some(),
            stopping: self.consumer.stopping().is_some(),
            workers: self.workers.iter().map(status_of).collect(),
        }
    }
}

fn status_of(worker: &Worker) -> WorkerStatus {
    let state = match worker.state {
        State::Starting | State::Greeted | State::Waiting => "starting",
        State::Ready => "ready",
        State::Retiring => "retiring",
        State::Leaving => "leaving",
    };
    WorkerStatus {
        index: worker.index,
        pid: worker.child.id(),
        state: state.to_owned(),
        generation: worker.generation,
        age: worker.started.elapsed().as_secs_f64(),
        unfinished: worker.load(),
        leader: worker.is_leader,
        memory: resident(worker.child.id()),
    }
}

impl Client {
    /// The request, once all of it has come; the inner error is for the client.
    fn read(&mut self) -> std::io::Result<Option<Result<Request, String>>> {
        let mut buffer = [0; MOST_REQUEST];
        loop {
            let read = match self.stream.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            self.received.extend_from_slice(buffer.get(..read).unwrap_or_default());
            let end = self.received.iter().position(|byte| *byte == b'\n');
            if let Some(line) = end.and_then(|end| self.received.get(..end)) {
                let request = serde_json::from_slice(line);
                return Ok(Some(request.map_err(|error| format!("this is no request: {error}"))));
            }
            if self.received.len() >= MOST_REQUEST {
                return Ok(Some(Err(format!("a request has at most {MOST_REQUEST} bytes"))));
            }
        }
    }

    /// Sends the answer as far as the client's socket takes it; all of it, unless it is the client's fault.
    fn answer(&mut self, answer: &Answer) -> Phase {
        if let Ok(mut line) = serde_json::to_vec(answer) {
            line.push(b'\n');
            let _ = self.stream.write_all(&line);
        }
        Phase::Done
    }
}

/// Clients at one time.
const MOST_CLIENTS: usize = 16;
/// The longest time for a stop.
const LONGEST_GRACE: Duration = Duration::from_secs(24 * 3600);
