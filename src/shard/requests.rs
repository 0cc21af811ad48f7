//! Requests that stay HTTP: the server's own answers, the body on its way to PHP, and PHP's answer back.
//!
//! One request a connection: the answer says so, further bytes from the client are read and dropped, and the
//! connection lingers, so that no reset overtakes the answer.

use std::{collections::HashMap, sync::atomic::Ordering, time::Duration};

use bytes::{Bytes, BytesMut};

use super::{bodies::Bodies, date::HttpDate, handshake::DECISION_TIME, tick::Shard};
use crate::{
    config::Limits,
    connection::{Access, Body, Phase, Read},
    http::{self, BodyReader, HeadLimits, HttpRefusal, Plain},
    limits::LeastRate,
    metrics::{Format, render},
    queue::{Asked, ConnectionId, Event, LogLevel, Respond},
};

/// Requests, and the answers to them.
pub(super) struct Requests {
    pub(super) head: HeadLimits,
    /// The bodies that arrive or wait for PHP.
    pub(super) bodies: Bodies,
    /// For the answers.
    pub(super) date: HttpDate,
    /// Connections that only watch the server, and do not keep it from ending.
    pub(super) monitors: usize,
    /// The time of the last log line about a refused credential.
    pub(super) auth_logged: Option<Duration>,
    /// The same about request heads that are too large, by the status of the answer and the option to raise.
    pub(super) head_logged: HashMap<(u16, &'static str), Option<Duration>>,
}

impl Requests {
    pub(super) fn new(limits: &Limits, shards: usize) -> Self {
        Self {
            head: HeadLimits::new(limits),
            bodies: Bodies::new(limits.total_receive_bytes / shards, limits.max_request_body),
            date: HttpDate::default(),
            monitors: 0,
            auth_logged: None,
            head_logged: HashMap::new(),
        }
    }
}

/// An answer of the server's own.
struct Native {
    status: u16,
    kind: &'static str,
    body: String,
}

impl Shard {
    /// True if plain requests are read at all.
    pub(super) fn serves_plain(&self, access: Access) -> bool {
        access == Access::Metrics || self.is_monitored() || self.common.hub.interests().requests
    }

    /// True if there are answers for monitoring clients, also while the server lets no other client in.
    pub(super) fn is_monitored(&self) -> bool {
        self.common.config.health.is_some() || self.common.config.metrics.is_some()
    }

    /// Answers a plain request, or has PHP answer it. False if neither can: then it is refused as a failed WebSocket
    /// handshake.
    pub(super) fn request(&mut self, slot: u32, plain: Plain) -> bool {
        let Some(connection) = self.connections.get(slot as usize) else { return true };
        let access = connection.access;
        let to_head = plain.is_head();
        if let Some(native) = self.native(access, &plain) {
            let mut headers = Vec::new();
            if !native.kind.is_empty() {
                headers.push(("Content-Type".to_owned(), native.kind.into()));
                headers.push(("Cache-Control".to_owned(), b"no-store".to_vec()));
            }
            if !matches!(plain.request.method(), "GET" | "HEAD") {
                headers.push(("Allow".to_owned(), b"GET, HEAD, OPTIONS".to_vec()));
            }
            self.counters(|c| c.requests.increment());
            let response = http::response(native.status, native.body.as_bytes(), &headers, to_head);
            self.answer(slot, response);
            return true;
        }
        if access != Access::Full || !self.common.hub.interests().requests {
            return false;
        }
        if self.count_client(slot, &plain.request) {
            self.take_body(slot, plain);
        }
        true
    }

    /// The answer that needs no PHP, if the path has one.
    fn native(&self, access: Access, plain: &Plain) -> Option<Native> {
        let config = &self.common.config;
        let path = plain.request.path();
        let metrics = config.metrics.as_ref().filter(|metrics| {
            path == metrics.path && (access == Access::Metrics || metrics.listen.is_none())
        });
        let health = config.health.as_deref().filter(|_| access != Access::Metrics);
        let health = match health.and_then(|health| path.strip_prefix(health)) {
            // HAProxy's default check; its documentation has both forms.
            _ if health.is_some() && self.is_about_the_server(&plain.request) => Some(""),
            rest => rest.filter(|rest| matches!(*rest, "" | "/live" | "/ready")),
        };
        if metrics.is_none() && health.is_none() {
            return None;
        }
        match plain.request.method() {
            "GET" | "HEAD" => {}
            "OPTIONS" if health.is_some() => {}
            "OPTIONS" => return Some(Native { status: 204, kind: "", body: String::new() }),
            _ => {
                let body = "the methods here are GET, HEAD and OPTIONS\n".to_owned();
                return Some(Native { status: 405, kind: "", body });
            }
        }
        if metrics.is_some() {
            let accept = plain.request.headers().filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
            let format = Format::choose(accept.map(|(_, value)| value));
            let body = render(&self.common.hub.figures(), format);
            return Some(Native { status: 200, kind: format.content_type(), body });
        }
        let trouble = if health == Some("/live") { None } else { self.why_not_ready(access) };
        let (status, word) = trouble.map_or((200, "ok"), |word| (503, word));
        Some(Native { status, kind: "application/json", body: format!("{{\"status\":\"{word}\"}}\n") })
    }

    /// True if a request asks about the server as a whole (RFC 9110 section 9.3.7), and not about the application.
    fn is_about_the_server(&self, request: &http::Request) -> bool {
        let is_root = request.path() == "/" && !self.common.hub.interests().requests;
        request.method() == "OPTIONS" && (request.path() == "*" || is_root)
    }

    /// The reason for which a new client would not be let in.
    fn why_not_ready(&self, access: Access) -> Option<&'static str> {
        if self.closing.stopping.is_some() {
            return Some("stopping");
        }
        if !self.common.hub.has_worker() {
            return Some("no worker");
        }
        // The asking client does not count.
        let asking = usize::from(access == Access::Full);
        (self.occupied() >= self.common.ceiling + asking).then_some("full")
    }

    /// Begins to read the body, if there is one.
    fn take_body(&mut self, slot: u32, plain: Plain) {
        let Plain { request, framing, waits_for_continue } = plain;
        let reader = match BodyReader::new(framing, self.common.config.limits.max_request_body) {
            Ok(reader) => reader,
            Err(refusal) => return self.refuse_request(slot, &request, &refusal),
        };
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let waits = waits_for_continue && connection.unread.is_empty();
        connection.phase = Phase::Body(Box::new(Body { request, received: Vec::new(), reader }));
        if waits && framing != http::Framing::Length(0) {
            connection.push(Bytes::from_static(http::CONTINUE));
            self.touch(slot);
        }
        self.read_body(slot);
    }

    /// Reads a body, and hands the request over once it is whole.
    pub(super) fn read_body(&mut self, slot: u32) {
        let least = LeastRate { rate: BODY_RATE, patience: self.common.config.limits.handshake_timeout };
        for _ in 0..BODY_READS_PER_TICK {
            let Some(connection) = self.connections.get_mut(slot as usize) else { return };
            let Phase::Body(body) = &mut connection.phase else { return };
            // Without a byte for those that have none.
            let mut input = BytesMut::new();
            let mut whole = body.reader.advance(&input, &mut body.received);
            if whole == Ok(false) {
                input = match connection.read(&mut self.buffers, BODY_READ) {
                    Read::Bytes(input, _) => input,
                    Read::Nothing => return,
                    Read::End => return self.give_up(slot),
                };
                let Phase::Body(body) = &mut connection.phase else { return };
                connection.deadline = least.go_on(connection.deadline, self.now, input.len());
                let before = body.received.len();
                whole = body.reader.advance(&input, &mut body.received);
                let more = body.received.len() - before;
                if !self.requests.bodies.arrive(&self.port.commands, &body.request, more) && whole.is_ok() {
                    whole = Err(HttpRefusal::too_busy());
                }
            }
            match whole {
                Ok(false) => {}
                Ok(true) => return self.ask(slot),
                Err(refusal) => {
                    let Some(body) = self.leave_body(slot) else { return };
                    return self.refuse_request(slot, &body.request, &refusal);
                }
            }
        }
        self.schedule.again.push(slot);
    }

    /// Hands a whole request over.
    fn ask(&mut self, slot: u32) {
        let Some(body) = self.leave_body(slot) else { return };
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let Body { request, mut received, .. } = *body;
        // Data that waits for PHP is counted by its length, so it may not keep spare capacity.
        received.shrink_to_fit();
        // Bytes after the request are dropped.
        connection.unread = BytesMut::new();
        connection.phase = Phase::Asking { to_head: request.method() == "HEAD" };
        connection.deadline = self.now + DECISION_TIME;
        self.requests.bodies.hand(received.len());
        let asked = Box::new(Asked { request, body: received });
        self.port.events.push(Event::Request { id: connection.id, asked });
    }

    /// PHP's answer.
    pub(super) fn respond(&mut self, id: ConnectionId, response: &Respond) {
        let Some(connection) = self.connections.get(self.ids.slot(id)).filter(|c| c.id == id) else { return };
        let Phase::Asking { to_head } = connection.phase else { return };
        let Respond { status, body, headers } = response;
        let bytes = http::response(*status, body, headers, to_head);
        self.counters(|c| c.requests.increment());
        let slot = self.ids.slot(id) as u32;
        if let Some(connection) = self.connections.get_mut(self.ids.slot(id)) {
            connection.push(Bytes::from(http::dated(bytes, self.requests.date.now())));
            connection.settle(&mut self.writing.waiting);
            connection.phase = Phase::Responding;
        }
        self.touch(slot);
        self.relieve();
    }

    /// The time that PHP has to answer is over.
    pub(super) fn unserved(&mut self, slot: u32) {
        let phase = self.connections.get(slot as usize).map(|connection| &connection.phase);
        let to_head = matches!(phase, Some(Phase::Asking { to_head: true }));
        self.counters(|c| c.requests_failed.increment());
        self.forget_asked(slot);
        self.log(
            LogLevel::Warning,
            "A client waited 10 s for the answer to its HTTP request and was told 503: do in onRequest only what is done soon",
            [],
        );
        self.answer(slot, http::response(503, b"No answer in time\n", &[], to_head));
    }

    /// Tells PHP that nobody waits for its answer any more.
    pub(super) fn forget_asked(&mut self, slot: u32) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        if matches!(connection.phase, Phase::Asking { .. }) {
            self.common.hub.registry.abandon();
            self.port.events.push(Event::RequestGone { id: connection.id });
        }
    }

    /// Answers a plain request that breaks a rule.
    fn refuse_request(&mut self, slot: u32, request: &http::Request, refusal: &HttpRefusal) {
        self.counters(|c| c.requests.increment());
        self.answer(slot, refusal.to_response(request.method() == "HEAD"));
    }

    /// The body as far as it came, no longer counted among those that are being read.
    pub(super) fn leave_body(&mut self, slot: u32) -> Option<Box<Body>> {
        let connection = self.connections.get_mut(slot as usize)?;
        if !matches!(connection.phase, Phase::Body(_)) {
            return None;
        }
        // The caller sets the next phase.
        let phase = std::mem::replace(&mut connection.phase, Phase::Lingering { finished: false });
        let Phase::Body(body) = phase else { return None };
        if !body.received.is_empty() {
            self.requests.bodies.leave(&body.request, body.received.len());
            // Blocked connections may have room now.
            self.unblock();
        }
        Some(body)
    }

    /// Connections that count against the limit: those that closed do until PHP has seen it, for their
    /// events wait in memory.
    pub(super) fn occupied(&self) -> usize {
        let registry = &self.common.hub.registry;
        let unseen = registry.held().saturating_sub(registry.open());
        self.common.sockets.load(Ordering::Relaxed) + unseen
    }
}

/// Reads of one body in one tick, and their size.
const BODY_READS_PER_TICK: usize = 4;
const BODY_READ: usize = 64 << 10;
/// Bytes a second: a body that comes so fast may take as long as it does.
const BODY_RATE: u32 = 8 << 10;
