//! A request head: reading it, counting whose it is, and the way of the request: to PHP or monitoring
//! ([`super::requests`]), to a handshake ([`super::handshake`]), or refused.

use std::{net::IpAddr, sync::atomic::Ordering};

use bytes::{Bytes, BytesMut};

use super::tick::{Shard, may_log};
use crate::{
    connection::{Access, Phase, Read},
    http::{self, HeadLimits, HttpRefusal, Methods, Request, UpgradeRules},
    limits::TooMany,
    queue::LogLevel,
};

impl Shard {
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
                    return self.route(slot, &head);
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

    /// Answers a whole request head, or asks PHP to.
    fn route(&mut self, slot: u32, head: &[u8]) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
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
        if access != Access::Full {
            return self.answer_without_access(slot, access, http::is_head(head));
        }
        let config = &self.common.config;
        let rules = UpgradeRules {
            origins: &config.origins,
            protocols: &config.protocols,
            trusted_proxies: &config.trusted_proxies,
            compression: config.compression.as_ref(),
            limits: &self.requests.head,
        };
        match http::parse_upgrade(head, peer, &rules) {
            Ok(mut upgrade) => {
                upgrade.request.set_client_certificate(certificate.as_deref());
                self.upgrade(slot, upgrade);
            }
            Err(refusal) => self.refuse(slot, &refusal, http::is_head(head)),
        }
    }

    /// Answers a client that asks for more than it may: there are the metrics only, or the server is full or stops.
    fn answer_without_access(&mut self, slot: u32, access: Access, to_head: bool) {
        let (status, body) = match access {
            Access::Metrics => (404, "nothing but the metrics is here\n"),
            _ if self.closing.stopping.is_some() => (503, "The server is stopping\n"),
            _ => (503, "The server is full\n"),
        };
        self.counters(|c| match access {
            Access::Metrics => c.requests.increment(),
            _ => c.turned_away.increment(),
        });
        let retry = ("Retry-After".to_owned(), b"5".to_vec());
        let headers = if status == 503 { vec![retry] } else { Vec::new() };
        self.answer(slot, http::response(status, body.as_bytes(), &headers, to_head));
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
}

/// Reads of one request head in one tick, and their size.
const HEAD_READS_PER_TICK: usize = 4;
const HEAD_READ: usize = 8 << 10;
