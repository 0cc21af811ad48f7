//! From a listening socket to an open connection: accept, request head, decision, 101.

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, BytesMut};

use super::shard::{ACCEPT, Shard, may_log};
use crate::{
    connection::{Connection, Deciding, Heart, Peer, Phase, Read, Session},
    http::{self, Refusal, Request, UpgradeRules},
    limits::{Admission, TokenBucket, TooMany},
    queue::{Accept, ConnectionId, Event, Handshake, LogLevel, Opened, Reject},
    socket::{self, Arrival, PeerAddress, turn_away},
};

impl Shard {
    /// Accepts who waits, a bounded number.
    pub(super) fn accept(&mut self) {
        if self.now < self.accept_after {
            // The sweep looks again.
            return;
        }
        let waker = self.ready.waker(ACCEPT);
        let mut cx = Context::from_waker(&waker);
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(acceptor) = &mut self.acceptor else { return };
            acceptor.restore_reserve();
            match acceptor.poll_accept(&mut cx) {
                Poll::Pending => return,
                Poll::Ready(Ok(arrival)) => self.admit(arrival),
                Poll::Ready(Err(error)) => {
                    let refused = acceptor.refuse_one(&mut cx);
                    self.counters(|c| c.turned_away.add(refused.into()));
                    if may_log(&mut self.accept_warned, self.now) {
                        self.log(
                            LogLevel::Warning,
                            "The system gives no socket for a new client; raise the limit of open files (ulimit -n) or lower limits.maxConnections",
                            [("error", error.to_string())],
                        );
                    }
                    self.accept_after = self.now + ACCEPT_PAUSE;
                    self.next_sweep = self.next_sweep.min(self.accept_after);
                    return;
                }
            }
        }
        self.again.push(ACCEPT);
    }

    /// Makes a connection of an accepted socket, or turns it away.
    pub(super) fn admit(&mut self, arrival: Arrival) {
        let Arrival { stream, address, entry } = arrival;
        self.counters(|c| c.accepted.increment());
        let registry = &self.common.hub.registry;
        // Those that closed count until PHP has seen it: their events wait in memory.
        let unseen = registry.held().saturating_sub(registry.open());
        let sockets = self.common.sockets.load(Ordering::Relaxed);
        if sockets + unseen >= self.common.ceiling || self.connections.len() >= ConnectionId::MAX_SLOTS {
            self.counters(|c| c.turned_away.increment());
            return turn_away(stream, entry.tls, socket::Refusal::Full);
        }
        // Behind a PROXY header is another address than this one.
        let admission = if entry.proxy_protocol { Ok(None) } else { self.enter(address) };
        let Ok(admission) = admission else {
            self.counters(|c| c.turned_away.increment());
            return turn_away(stream, entry.tls, socket::Refusal::Address);
        };
        self.serial += 1;
        let vacant = self.connections.vacant_entry();
        let slot = vacant.key();
        let id = ConnectionId::new(self.index, slot, self.serial);
        let deadline = self.now + self.common.config.limits.handshake_timeout;
        let waker = self.ready.waker(slot as u32);
        let mut connection = Connection::new(id, stream, address, waker, deadline);
        connection.admission = admission;
        if entry.proxy_protocol {
            connection.phase = Phase::ProxyHeader { tls: entry.tls };
        } else if entry.tls {
            connection.phase = Phase::Tls;
        }
        vacant.insert(connection);
        self.common.sockets.fetch_add(1, Ordering::Relaxed);
        // Most clients have sent their request by now; the read registers for the others.
        self.again.push(slot as u32);
    }

    /// Reads a request head, and answers it once it is whole.
    pub(super) fn read_head(&mut self, slot: u32) {
        for _ in 0..HEAD_READS_PER_TURN {
            let Some(connection) = self.connections.get_mut(slot as usize) else { return };
            let mut input = match connection.read(&mut self.buffers, HEAD_READ) {
                Read::Bytes(input, _) => input,
                Read::Nothing => return,
                Read::End => return self.give_up(slot),
            };
            let Phase::Head(head) = &mut connection.phase else { return };
            let found = if head.received.is_empty() {
                head.reader.advance(&input, &self.head)
            } else {
                head.received.extend_from_slice(&input);
                head.reader.advance(&head.received, &self.head)
            };
            match found {
                Err(refusal) => return self.refuse(slot, &refusal),
                Ok(None) if head.received.is_empty() => head.received = input.to_vec(),
                Ok(None) => {}
                Ok(Some(length)) => {
                    if !head.received.is_empty() {
                        input = BytesMut::from(head.received.as_slice());
                    }
                    let head = input.split_to(length.min(input.len()));
                    // A client that does not wait for the answer is served all the same.
                    connection.unread = BytesMut::from(&*input);
                    return self.judge(slot, &head);
                }
            }
        }
        self.again.push(slot);
    }

    /// Decides on a whole request head, or asks PHP to.
    fn judge(&mut self, slot: u32, head: &[u8]) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let config = &self.common.config;
        let peer = http::Peer { address: connection.address.ip(), secure: connection.secure };
        let rules = UpgradeRules {
            origins: &config.origins,
            protocols: &config.protocols,
            trusted_proxies: &config.trusted_proxies,
            compression: config.compression.as_ref(),
            limits: &self.head,
        };
        let mut upgrade = match http::parse_upgrade(head, peer, &rules) {
            Ok(upgrade) => upgrade,
            Err(refusal) => return self.refuse(slot, &refusal),
        };
        upgrade.request.set_client_certificate(connection.stream.client_certificate());
        // A client behind a trusted proxy is counted under its own address, known only now.
        if self.is_trusted(peer.address) {
            let client = upgrade.request.remote_address().parse::<IpAddr>();
            match client.map_or(Ok(None), |ip| self.common.addresses.enter(ip, self.now)) {
                Ok(admission) => {
                    if let Some(connection) = self.connections.get_mut(slot as usize) {
                        connection.admission = admission;
                    }
                }
                Err(TooMany) => {
                    let body = b"Too many connections of your address\n";
                    return self.answer(slot, http::rejection(429, body, &[]));
                }
            }
        }
        if !self.common.hub.wants_handshakes() {
            let accept = Accept { protocol: upgrade.protocol, ..Accept::default() };
            let answer = Deciding { accept_key: upgrade.accept_key, deflate: upgrade.deflate };
            return self.open(slot, &answer, accept, Some(upgrade.request));
        }
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let deciding = Deciding { accept_key: upgrade.accept_key, deflate: upgrade.deflate };
        connection.phase = Phase::Deciding(Box::new(deciding));
        connection.deadline = self.now + DECISION_TIME;
        let handshake = Box::new(Handshake { request: upgrade.request, protocol: upgrade.protocol });
        self.events.push(Event::Handshake { id: connection.id, handshake });
    }

    /// PHP's yes.
    pub(super) fn accept_handshake(&mut self, id: ConnectionId, accept: Accept) {
        if let Some((slot, answer)) = self.deciding(id) {
            self.open(slot, &answer, accept, None);
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
            self.common.hub.registry.abandon_handshake();
            self.events.push(Event::HandshakeGone { id: connection.id });
        }
    }

    /// Sends 101 and makes the connection known.
    fn open(&mut self, slot: u32, answer: &Deciding, accept: Accept, request: Option<Request>) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let config = &self.common.config;
        let mut response = Vec::with_capacity(160);
        http::switching_protocols(
            &mut response,
            &answer.accept_key,
            accept.protocol.as_deref(),
            answer.deflate.as_ref(),
            &accept.headers,
        );
        let id = connection.id;
        let peer = Arc::new(Peer::new(id));
        let heart = Heart::new(&config.heartbeat, self.now, self.serial ^ u64::from(slot) << 32);
        let rate = config.limits.message_rate.map(|rate| TokenBucket::full(rate.max(1.0), self.now));
        connection.session = Some(Box::new(Session::new(peer.clone(), answer.deflate, heart, rate)));
        connection.phase = Phase::Open;
        connection.push(Bytes::from(response));
        for topic in self.common.hub.admit(peer, &accept.topics) {
            self.topics.join(slot, topic);
        }
        self.counters(|c| c.opened.increment());
        let opened = Opened { request, protocol: accept.protocol, user: accept.user };
        self.events.push(Event::Open { id, opened: Box::new(opened) });
        self.touch(slot);
        // What was read with the head, and the registration for what comes.
        self.again.push(slot);
    }

    /// Answers a request that breaks a rule.
    fn refuse(&mut self, slot: u32, refusal: &Refusal) {
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
        self.answer(slot, refusal.to_response());
    }

    /// Sends a last HTTP response.
    pub(super) fn answer(&mut self, slot: u32, response: Vec<u8>) {
        let deadline = self.now + self.common.config.limits.close_timeout;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.push(Bytes::from(response));
        connection.linger(deadline);
        self.touch(slot);
        self.again.push(slot);
    }

    /// The client left before its handshake was over, or took too long.
    pub(super) fn give_up(&mut self, slot: u32) {
        self.counters(|c| c.handshakes_failed.increment());
        self.forget_handshake(slot);
        self.remove(slot);
    }

    fn deciding(&self, id: ConnectionId) -> Option<(u32, Deciding)> {
        let connection = self.connections.get(id.slot()).filter(|c| c.id == id)?;
        let Phase::Deciding(deciding) = &connection.phase else { return None };
        Some((id.slot() as u32, Deciding { ..**deciding }))
    }

    /// Counts a client of its own address; one that comes through a trusted proxy is counted later.
    pub(super) fn enter(&self, address: PeerAddress) -> Result<Option<Admission>, TooMany> {
        match address.ip() {
            Some(ip) if !self.is_trusted(Some(ip)) => self.common.addresses.enter(ip, self.now),
            _ => Ok(None),
        }
    }

    fn is_trusted(&self, peer: Option<IpAddr>) -> bool {
        self.common.config.trusted_proxies.contain(peer)
    }
}

/// Clients accepted in one turn.
const ACCEPTS_PER_TURN: usize = 32;
/// After an accept failed for want of a descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Reads of one request head in one turn, and their size.
const HEAD_READS_PER_TURN: usize = 4;
const HEAD_READ: usize = 8 << 10;
/// How long PHP may take to decide about a handshake.
const DECISION_TIME: Duration = Duration::from_secs(10);
