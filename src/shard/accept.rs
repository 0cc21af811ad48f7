//! Accepting: from a listening socket to a connection whose request head is still to come ([`super::request_head`]).

use std::{
    io,
    net::IpAddr,
    sync::atomic::Ordering,
    task::{Context, Poll},
    time::Duration,
};

use super::{
    schedule::ACCEPT,
    tick::{Shard, may_log},
};
use crate::{
    connection::{Access, Connection, Phase},
    limits::{Admission, TooMany},
    queue::{ConnectionId, LogLevel},
    socket::{self, Acceptor, Arrival, ListenerOptions, Listening, PeerAddress, turn_away},
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
        let Arrival { stream, address, options } = arrival;
        self.counters(|c| c.accepted.increment());
        let Some(access) = self.access(options) else {
            self.counters(|c| c.turned_away.increment());
            return turn_away(stream, options.tls, socket::Refusal::Full, self.requests.date.now());
        };
        // Behind a PROXY header is another address than this one.
        let admission = if options.proxy_protocol { Ok(None) } else { self.enter(address) };
        let Ok(admission) = admission else {
            self.counters(|c| c.turned_away.increment());
            return turn_away(stream, options.tls, socket::Refusal::Address, self.requests.date.now());
        };
        let vacant = self.connections.vacant_entry();
        let slot = vacant.key();
        let Some(id) = self.ids.name(slot as u32) else {
            admission.into_iter().for_each(|admission| self.common.addresses.leave(admission));
            self.counters(|c| c.turned_away.increment());
            return turn_away(stream, options.tls, socket::Refusal::Full, self.requests.date.now());
        };
        let deadline = self.now + self.common.config.limits.handshake_timeout;
        let waker = self.schedule.ready.waker(slot as u32);
        let mut connection = Connection::new(id, stream, address, waker, deadline);
        connection.admission = admission;
        connection.access = access;
        if options.proxy_protocol {
            connection.phase = Phase::ProxyHeader { tls: options.tls };
        } else if options.tls {
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
    fn access(&self, options: ListenerOptions) -> Option<Access> {
        if self.connections.len() + 1 >= ConnectionId::MAX_PLACES || self.ids.are_used_up() {
            return None;
        }
        let access = if options.metrics_only {
            Access::Metrics
        } else if self.closing.stopping.is_none() && self.occupied() < self.common.ceiling {
            return Some(Access::Full);
        } else {
            Access::Monitoring
        };
        let has_place = self.is_monitored() && self.common.monitors.load(Ordering::Relaxed) < MONITORS;
        has_place.then_some(access)
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

    pub(super) fn is_trusted(&self, peer: Option<IpAddr>) -> bool {
        self.common.config.trusted_proxies.contain(peer)
    }
}

/// Clients accepted in one tick.
const ACCEPTS_PER_TICK: usize = 32;
/// After an accept failed for want of a descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Sockets of monitoring clients, beside all others: two for each of a few probes.
const MONITORS: usize = 16;
