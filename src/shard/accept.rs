//! From a listening socket to an open connection: accept, request head, decision, 101.

use std::{
    io,
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};

use super::{
    schedule::ACCEPT,
    tick::{Shard, may_log},
};
use crate::{
    connection::{Access, Connection, Deciding, Heart, OpenState, Phase, Read, SendGauge},
    http::{self, HeadLimits, HttpRefusal, Methods, Request, UpgradeRules},
    limits::{Admission, TokenBucket, TooMany},
    queue::{Accept, ConnectionId, Event, Handshake, LogLevel, Opened, Reject},
    socket::{self, Acceptor, Arrival, Entry, Listening, PeerAddress, turn_away},
};

/// The listening sockets.
pub(super) struct Accepting {
    /// `None` once the shard stops.
    pub(super) acceptor: Option<Acceptor>,
    /// No accept before this, after one failed for want of a descriptor.
    pub(super) after: Duration,
    /// The time of the last log line about such a failure.
    warned: Option<Duration>,
    /// The time of the last log line about a connection without a PROXY header.
    pub(super) proxy_warned: Option<Duration>,
}

impl Accepting {
    pub(super) fn new(sockets: Vec<Listening>) -> io::Result<Self> {
        let acceptor = Some(Acceptor::new(sockets)?);
        Ok(Self { acceptor, after: Duration::ZERO, warned: None, proxy_warned: None })
    }
}

impl Shard {
    /// Accepts waiting clients, a bounded number.
    pub(super) fn accept(&mut self) {
        if self.now < self.accepting.after {
            // The sweep looks again.
            return;
        }
        let waker = self.schedule.ready.waker(ACCEPT);
        let mut cx = Context::from_waker(&waker);
        for _ in 0..ACCEPTS_PER_TICK {
            let Some(acceptor) = &mut self.accepting.acceptor else { return };
            acceptor.restore_reserve();
            match acceptor.poll_accept(&mut cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(arrival)) => self.admit(arrival),
                Poll::Ready(Err(error)) => {
                    let refused = acceptor.refuse_one(&mut cx, self.requests.date.now());
                    self.counters(|c| c.turned_away.add(refused.into()));
                    if may_log(&mut self.accepting.warned, self.now) {
                        self.log(
                            LogLevel::Warning,
                            "The system gives no socket for a new client; raise the limit of open files (ulimit -n) or lower limits.maxConnections",
                            [("error", error.to_string())],
                        );
                    }
                    self.accepting.after = self.now + ACCEPT_PAUSE;
                    self.sweeping.next = self.sweeping.next.min(self.accepting.after);
                    return;
                }
            }
        }
        self.schedule.again.push(ACCEPT);
    }

    /// Makes a connection of an accepted socket, or turns it away.
    pub(crate) fn admit(&mut self, arrival: Arrival) {
        let Arrival { stream, address, entry } = arrival;
        self.counters(|c| c.accepted.increment());
        let Some(access) = self.access(entry) else {
            self.counters(|c| c.turned_away.increment());
            return turn_away(stream, entry.tls, socket::Refusal::Full, self.requests.date.now());
        };
        // Behind a PROXY header is another address than this one.
        let admission = if entry.proxy_protocol { Ok(None) } else { self.enter(address) };
        let Ok(admission) = admission else {
            self.counters(|c| c.turned_away.increment());
            return turn_away(stream, entry.tls, socket::Refusal::Address, self.requests.date.now());
        };
        let vacant = self.connections.vacant_entry();
        let slot = vacant.key();
        let Some(id) = self.ids.name(slot as u32) else {
            admission.into_iter().for_each(|admission| self.common.addresses.leave(admission));
            self.counters(|c| c.turned_away.increment());
            return turn_away(stream, entry.tls, socket::Refusal::Full, self.requests.date.now());
        };
        let deadline = self.now + self.common.config.limits.handshake_timeout;
        let waker = self.schedule.ready.waker(slot as u32);
        let mut connection = Connection::new(id, stream, address, waker, deadline);
        connection.admission = admission;
        connection.access = access;
        if entry.proxy_protocol {
            connection.phase = Phase::ProxyHeader { tls: entry.tls };
        } else if entry.tls {
            connection.phase = Phase::Tls;
        }
        vacant.insert(connection);
        if access == Access::Full {
            self.common.sockets.fetch_add(1, Ordering::Relaxed);
        } else {
            self.common.monitors.fetch_add(1, Ordering::Relaxed);
            self.requests.monitors += 1;
        }
        // Most clients have sent their request by now; the read registers for the others.
        self.schedule.again.push(slot as u32);
    }

    /// The requests that a client may make that comes now. Monitoring clients have a few places of their own: they
    /// are answered also while the server is full or stops.
    fn access(&self, entry: Entry) -> Option<Access> {
        if self.connections.len() + 1 >= ConnectionId::MAX_PLACES || self.ids.are_used_up() {
            return None;
        }
        let access = if entry.metrics_only {
            Access::Metrics
        } else if self.closing.stopping.is_none() && self.occupied() < self.common.ceiling {
            return Some(Access::Full);
        } else {
            Access::Monitoring
        };
        let has_place = self.is_monitored() && self.common.monitors.load(Ordering::Relaxed) < MONITORS;
        has_place.then_some(access)
    }

    /// Reads a request head, and answers it once it is whole.
    pub(super) fn read_head(&mut self, slot: u32) {
        for _ in 0..HEAD_READS_PER_TICK {
            let limits = self.head_limits(slot);
            let Some(connection) = self.connections.get_mut(slot as usize) else { return };
            let mut input = match connection.read(&mut self.buffers, HEAD_READ) {
                Read::Bytes(input, _) => input,
                Read::Nothing => return,
                Read::End => return self.give_up(slot),
            };
            let Phase::Head(head) = &mut connection.phase else { return };
            let found = if head.received.is_empty() {
                head.reader.advance(&input, &limits)
            } else {
                head.received.extend_from_slice(&input);
                head.reader.advance(&head.received, &limits)
            };
            match found {
                Err(refusal) => {
                    let bytes = if head.received.is_empty() { &input[..] } else { &head.received };
                    let to_head = http::is_head(bytes);
                    return self.refuse(slot, &refusal, to_head);
                }
                Ok(None) if head.received.is_empty() => head.received = input.to_vec(),
                Ok(None) => {}
                Ok(Some(length)) => {
                    if !head.received.is_empty() {
                        input = BytesMut::from(head.received.as_slice());
                    }
                    let head = input.split_to(length.min(input.len()));
                    connection.head = head.len().try_into().unwrap_or(u16::MAX);
                    // A client that does not wait for the answer is served all the same.
                    connection.unread = BytesMut::from(&*input);
                    return self.judge(slot, &head);
                }
            }
        }
        self.schedule.again.push(slot);
    }

    /// With which methods a request may come.
    fn head_limits(&self, slot: u32) -> HeadLimits {
        let access = self.connections.get(slot as usize).map_or(Access::Full, |connection| connection.access);
        let plain = self.serves_plain(access);
        let methods = if plain { Methods::Plain } else { Methods::Get };
        HeadLimits { methods, probes: plain, ..self.requests.head }
    }

    /// Decides on a whole request head, or asks PHP to.
    fn judge(&mut self, slot: u32, head: &[u8]) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let access = connection.access;
        let peer = http::Peer { address: connection.address.ip(), secure: connection.secure };
        let certificate = connection.stream.client_certificate().map(<[u8]>::to_vec);
        if self.serves_plain(access) {
            let limits = HeadLimits { probes: true, ..self.requests.head };
            match http::parse_plain(head, peer, &self.common.config.trusted_proxies, &limits) {
                Ok(Some(mut plain)) => {
                    plain.request.set_client_certificate(certificate.as_deref());
                    if self.request(slot, plain) {
                        return;
                    }
                }
                Ok(None) => {}
                Err(refusal) => return self.refuse(slot, &refusal, http::is_head(head)),
            }
        }
        let closed = match access {
            Access::Full => None,
            Access::Metrics => Some((404, "nothing but the metrics is here\n")),
            Access::Monitoring if self.closing.stopping.is_some() => Some((503, "The server is stopping\n")),
            Access::Monitoring => Some((503, "The server is full\n")),
        };
        if let Some((status, body)) = closed {
            self.counters(|c| match access {
                Access::Metrics => c.requests.increment(),
                _ => c.turned_away.increment(),
            });
            let retry = ("Retry-After".to_owned(), b"5".to_vec());
            let headers = if status == 503 { vec![retry] } else { Vec::new() };
            let response = http::response(status, body.as_bytes(), &headers, http::is_head(head));
            return self.answer(slot, response);
        }
        let config = &self.common.config;
        let rules = UpgradeRules {
            origins: &config.origins,
            protocols: &config.protocols,
            trusted_proxies: &config.trusted_proxies,
            compression: config.compression.as_ref(),
            limits: &self.requests.head,
        };
        let mut upgrade = match http::parse_upgrade(head, peer, &rules) {
            Ok(upgrade) => upgrade,
            Err(refusal) => return self.refuse(slot, &refusal, http::is_head(head)),
        };
        upgrade.request.set_client_certificate(certificate.as_deref());
        if !self.count_client(slot, &upgrade.request) {
            return;
        }
        let (identity, expires) = match self.identify(&mut upgrade.request) {
            Ok(entry) => entry,
            Err(refused) => return self.refuse_unknown(slot, &refused),
        };
        let protocol = self.common.protocol.as_ref();
        let max_tags = self.common.config.limits.max_tags;
        let tags = match protocol
            .map_or(Ok(Vec::new()), |protocol| protocol.handshake(&upgrade.request, max_tags))
        {
            Ok(tags) => tags,
            Err(error) => {
                self.counters(|c| c.handshakes_rejected.increment());
                return self.answer(slot, http::rejection(400, format!("{error}\n").as_bytes(), &[]));
            }
        };
        let keeps = self.common.hub.interests().kept_requests;
        let request = keeps.then(|| Box::new(upgrade.request.clone()));
        let deciding =
            Deciding { accept_key: upgrade.accept_key, deflate: upgrade.deflate, expires, tags, request };
        if !self.common.hub.interests().handshakes {
            let accept = Accept::as_identified(identity, upgrade.protocol);
            return self.open(slot, deciding, accept, Some(upgrade.request));
        }
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.phase = Phase::Deciding(Box::new(deciding));
        connection.deadline = self.now + DECISION_TIME;
        let handshake =
            Box::new(Handshake { request: upgrade.request, protocol: upgrade.protocol, identity });
        self.port.events.push(Event::Handshake { id: connection.id, handshake });
    }

    /// Counts a client behind a trusted proxy under its own address, known only now. False if that has
    /// too many, and was told so.
    pub(super) fn count_client(&mut self, slot: u32, request: &Request) -> bool {
        let Some(connection) = self.connections.get(slot as usize) else { return false };
        if !self.is_trusted(connection.address.ip()) {
            return true;
        }
        let client = request.remote_address().parse::<IpAddr>();
        match client.map_or(Ok(None), |ip| {
            self.common.addresses.enter(ip, self.clock.steady_now(), self.clock.pardon())
        }) {
            Ok(admission) => {
                if let Some(connection) = self.connections.get_mut(slot as usize) {
                    connection.admission = admission;
                }
                true
            }
            Err(TooMany) => {
                self.answer(slot, http::rejection(429, b"Too many connections of your address\n", &[]));
                false
            }
        }
    }

    /// PHP's yes.
    pub(super) fn accept_handshake(&mut self, id: ConnectionId, accept: Accept) {
        if let Some((slot, answer)) = self.deciding(id) {
            self.open(slot, answer, accept, None);
        }
    }

    /// PHP's no.
    pub(super) fn reject_handshake(&mut self, id: ConnectionId, reject: Reject) {
        if let Some((slot, _)) = self.deciding(id) {
            self.counters(|c| c.handshakes_rejected.increment());
            self.answer(slot, http::rejection(reject.status, &reject.body, &reject.headers));
        }
    }

    /// The time that PHP has to decide is over.
    pub(super) fn undecided(&mut self, slot: u32) {
        self.counters(|c| c.handshakes_failed.increment());
        self.forget_handshake(slot);
        self.log(
            LogLevel::Warning,
            "A client waited 10 s for its handshake to be accepted or rejected and was told 503: answer sooner in onHandshake, or after defer()",
            [],
        );
        self.answer(slot, http::rejection(503, b"No answer in time\n", &[]));
    }

    /// Tells PHP that nobody waits for its decision any more.
    pub(super) fn forget_handshake(&mut self, slot: u32) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        if matches!(connection.phase, Phase::Deciding(_)) {
            self.common.hub.registry.abandon();
            self.port.events.push(Event::HandshakeGone { id: connection.id });
        }
    }

    /// Sends 101 and makes the connection known.
    fn open(&mut self, slot: u32, mut answer: Deciding, mut accept: Accept, request: Option<Request>) {
        // The application's tags come first, and all of them have room.
        answer.tags.retain(|(name, _)| accept.tags.iter().all(|(given, _)| given != name));
        answer.tags.truncate(self.common.config.limits.max_tags.saturating_sub(accept.tags.len()));
        accept.tags.append(&mut answer.tags);
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let config = &self.common.config;
        let mut response = Vec::with_capacity(200);
        http::switching_protocols(
            &mut response,
            &answer.accept_key,
            accept.protocol.as_deref(),
            answer.deflate.as_ref(),
            &accept.headers,
        );
        let id = connection.id;
        let gauge = Arc::new(SendGauge::new(id));
        let heart = Heart::new(&config.heartbeat, self.now, id.to_php().unsigned_abs());
        let rate =
            config.limits.message_rate.map(|rate| TokenBucket::full(rate.max(1.0), self.clock.steady_now()));
        connection.session = Some(Box::new(OpenState::new(gauge.clone(), answer.deflate, heart, rate)));
        connection.phase = Phase::Open;
        connection.deadline = answer.expires.unwrap_or(Duration::MAX);
        connection.push(Bytes::from(http::dated(response, self.requests.date.now())));
        let admit = || self.common.hub.admit(gauge, &accept, answer.request.take());
        for topic in self.port.announcer.quietly(admit) {
            self.topics.join(slot, topic);
        }
        // Before the consumer can send anything about the connection.
        self.port.announcer.announce_due(&mut self.port.publisher);
        self.counters(|c| c.opened.increment());
        let opened = Opened { request, protocol: accept.protocol, user: accept.user };
        self.port.events.push(Event::Open { id, opened: Box::new(opened) });
        self.touch(slot);
        // For the bytes that were read with the head, and to register for more.
        self.schedule.again.push(slot);
    }

    /// Answers a request that breaks a rule.
    fn refuse(&mut self, slot: u32, refusal: &HttpRefusal, to_head: bool) {
        self.counters(|c| c.handshakes_refused.increment());
        if let Some((origin, host)) = refusal.origin_mismatch()
            && !self.common.origin_warned.swap(true, Ordering::Relaxed)
        {
            let context = [("origin", origin.to_owned()), ("host", host.to_owned())];
            self.log(
                LogLevel::Warning,
                "A page was refused because its Origin is not the Host it connects to: let the proxy pass the Host header on, or list the page's origin in the option origins (logged once)",
                context,
            );
        }
        if let Some(option) = refusal.limit()
            && may_log(self.requests.head_logged.entry((refusal.status(), option)).or_default(), self.now)
        {
            let peer = self.connections.get(slot as usize).map(|connection| connection.address.to_string());
            let context = [
                ("peer", peer.unwrap_or_default()),
                ("status", refusal.status().to_string()),
                ("reason", refusal.reason().to_owned()),
                ("raise", option.to_owned()),
            ];
            self.log(
                LogLevel::Warning,
                "A request was refused because its head is larger than the limits, as cookies and tokens can make it (logged at most every ten seconds)",
                context,
            );
        }
        self.answer(slot, refusal.to_response(to_head));
    }

    /// Sends a last HTTP response.
    pub(super) fn answer(&mut self, slot: u32, response: Vec<u8>) {
        let deadline = self.now + self.common.config.limits.close_timeout;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.push(Bytes::from(http::dated(response, self.requests.date.now())));
        connection.linger(deadline);
        self.touch(slot);
        self.schedule.again.push(slot);
    }

    /// The client left before its handshake was over, or took too long.
    pub(super) fn give_up(&mut self, slot: u32) {
        let phase = self.connections.get(slot as usize).map(|connection| &connection.phase);
        if matches!(phase, Some(Phase::Body(_) | Phase::Asking { .. })) {
            self.counters(|c| c.requests_failed.increment());
        } else {
            self.counters(|c| c.handshakes_failed.increment());
        }
        self.forget_handshake(slot);
        self.forget_asked(slot);
        self.remove(slot);
    }

    fn deciding(&mut self, id: ConnectionId) -> Option<(u32, Deciding)> {
        let connection = self.connections.get_mut(self.ids.slot(id)).filter(|c| c.id == id)?;
        let Phase::Deciding(deciding) = &mut connection.phase else { return None };
        let (tags, request) = (std::mem::take(&mut deciding.tags), deciding.request.take());
        Some((self.ids.slot(id) as u32, Deciding { tags, request, ..**deciding }))
    }

    /// Counts a client of its own address; one that comes through a trusted proxy is counted later.
    pub(super) fn enter(&self, address: PeerAddress) -> Result<Option<Admission>, TooMany> {
        match address.ip() {
            Some(ip) if !self.is_trusted(Some(ip)) => {
                self.common.addresses.enter(ip, self.clock.steady_now(), self.clock.pardon())
            }
            _ => Ok(None),
        }
    }

    fn is_trusted(&self, peer: Option<IpAddr>) -> bool {
        self.common.config.trusted_proxies.contain(peer)
    }
}

/// Clients accepted in one tick.
const ACCEPTS_PER_TICK: usize = 32;
/// After an accept failed for want of a descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Reads of one request head in one tick, and their size.
const HEAD_READS_PER_TICK: usize = 4;
const HEAD_READ: usize = 8 << 10;
/// Sockets of monitoring clients, beside all others: two for each of a few probes.
const MONITORS: usize = 16;
/// Time for PHP to decide about a handshake, or to answer a request.
pub(super) const DECISION_TIME: Duration = Duration::from_secs(10);
