//! A handshake: from a valid request for an upgrade to the decision and the 101.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::tick::Shard;
use crate::{
    connection::{Deciding, Heart, OpenState, Phase},
    http::{self, Request, Upgrade},
    limits::TokenBucket,
    queue::{Accept, ConnectionId, Event, Handshake, LogLevel, Opened, Reject},
};

impl Shard {
    /// Opens a connection for a handshake that breaks no rule, or asks PHP to decide.
    pub(super) fn upgrade(&mut self, slot: u32, mut upgrade: Upgrade) {
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
        let gauge = Arc::new(self.common.hub.gauge(id));
        let heart = Heart::new(&config.heartbeat, self.now, id.to_php().unsigned_abs());
        let rate =
            config.limits.message_rate.map(|rate| TokenBucket::full(rate.max(1.0), self.clock.steady_now()));
        connection.open = Some(Box::new(OpenState::new(gauge.clone(), answer.deflate, heart, rate)));
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
}

/// Time for PHP to decide about a handshake, or to answer a request.
pub(super) const DECISION_TIME: Duration = Duration::from_secs(10);
