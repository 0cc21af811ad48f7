//! From the socket to the queue: frames of open connections become events, within their credit.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::{common::Common, schedule::LITTLE, tick::Shard};
use crate::{
    config::Limits,
    connection::{Connection, OpenState, Phase, Read, Throttled},
    deflate::{Codec, Contexts, InflateError},
    frame::{self, CloseFrame, DecodeLimits, OpCode, Received, Violation},
    port::Publisher,
    protocol,
    queue::Event,
};

/// Messages on their way to the consumer.
pub(super) struct Reading {
    /// How frames are decoded.
    pub(super) decode: DecodeLimits,
    /// Slots that are not read for want of credit.
    pub(super) blocked: Vec<u32>,
    /// Messages handed to the consumer, and their bytes.
    pub(super) messages: u64,
    pub(super) handed: u64,
    /// Bytes that were read from open connections and cannot be handled yet.
    pub(super) unread: usize,
    /// Bytes that unfinished compressed messages have inflated to.
    pub(super) inflating: usize,
    /// Bytes that may wait for the consumer: this shard's part of `limits.totalReceiveBytes`.
    pub(super) budget: usize,
}

impl Reading {
    pub(super) fn new(limits: &Limits, shards: usize) -> Self {
        Self {
            decode: DecodeLimits { max_message: limits.max_message_size, deflate: false, part: PART },
            blocked: Vec::new(),
            messages: 0,
            handed: 0,
            unread: 0,
            inflating: 0,
            budget: limits.total_receive_bytes / shards,
        }
    }
}

/// What handling the bytes of one read led to.
enum Handled {
    /// All of them are handled.
    All,
    /// The connection may not hand over more now; what is left is kept.
    Held,
    /// The connection has left the phase in which frames matter.
    Over,
}

impl Shard {
    /// Does what a ready connection's phase asks for. `late`: after others were served, also what is dear.
    pub(super) fn serve(&mut self, slot: u32, late: bool) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        if connection.has_unsent() {
            self.touch(slot);
        }
        match self.connections.get(slot as usize).map(|connection| &connection.phase) {
            Some(Phase::ProxyHeader { .. }) => self.read_proxy_header(slot),
            Some(Phase::Tls) => self.shake_hands(slot),
            Some(Phase::Head(_)) => self.read_head(slot),
            Some(Phase::Body(_)) => self.read_body(slot),
            Some(Phase::Open | Phase::Closing { .. }) => self.read_frames(slot, late),
            Some(Phase::Lingering { .. }) => self.discard(slot),
            Some(Phase::Failing { .. }) => self.fail_if_settled(slot),
            Some(Phase::Deciding(_) | Phase::Asking { .. } | Phase::Responding) | None => {}
        }
    }

    /// Reads a bounded number of times: a client that always has more waits for its next tick.
    fn read_frames(&mut self, slot: u32, late: bool) {
        for _ in 0..READS_PER_TICK {
            let crowded = self.is_crowded();
            let Some(connection) = self.connections.get_mut(slot as usize) else { return };
            if !connection.may_read() {
                return;
            }
            let cautious =
                !late && connection.session.as_ref().is_some_and(|session| session.deflate.is_some());
            let most = if cautious {
                LITTLE
            } else if crowded || self.reading.unread >= self.reading.budget / UNREAD_PART {
                CROWDED_READ
            } else {
                usize::MAX
            };
            let (mut input, read) = match connection.read(&mut self.buffers, most) {
                Read::Bytes(input, read) => (input, read),
                Read::Nothing => return,
                // It may have many topics to leave.
                Read::End if !late => return self.schedule.later.push_back(slot),
                Read::End => return self.broken(slot),
            };
            connection.settle_unread(&mut self.reading.unread);
            self.counters(|c| c.bytes_received.add(read as u64));
            match self.handle(slot, &mut input, read) {
                Handled::All => {}
                Handled::Held => return self.keep(slot, &input),
                Handled::Over => return,
            }
            if (cautious && read >= LITTLE) || (read >= MUCH && self.schedule.work.is_long()) {
                return self.schedule.later.push_back(slot);
            }
        }
        self.come_back(slot);
    }

    /// Has a connection go on that has more to do: after others, if it had much already.
    fn come_back(&mut self, slot: u32) {
        if self.schedule.work.is_long() {
            self.schedule.later.push_back(slot)
        } else {
            self.schedule.again.push(slot)
        }
    }

    /// Handles every item in `input`, of `read` bytes that came.
    fn handle(&mut self, slot: u32, input: &mut BytesMut, read: usize) -> Handled {
        let now = self.now;
        let (steady, pardon) = (self.clock.steady_now(), self.clock.pardon());
        let crowded = self.is_crowded();
        let limits = &self.common.config.limits;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return Handled::Over };
        let Connection { id, session: Some(session), outbox, phase, dirty, stalled, .. } = connection else {
            return Handled::Over;
        };
        let open = matches!(phase, Phase::Open);
        session.heart.hear(now);
        let mut messages = 0;
        // Whether the message that had not ended goes on, and what came between its parts.
        let (mut in_message, mut control_bytes) = (session.decoder.in_message(), 0);
        self.reading.inflating = self.reading.inflating.saturating_sub(session.held());
        // Each unfinished message may have inflated to the limit: once that is much in all, others are put
        // together first.
        let part =
            if self.reading.inflating < self.reading.budget { self.reading.decode.part } else { usize::MAX };
        let decode = DecodeLimits { deflate: session.deflate.is_some(), part, ..self.reading.decode };
        // Whether to ask how long it has taken so far, and how many control frames were among it.
        let (mut ask, mut controls) = (false, 0);
        let end = loop {
            let is_much = controls >= CONTROLS || (std::mem::take(&mut ask) && self.schedule.work.is_long());
            if is_much && !input.is_empty() {
                break Ok(Handled::Held);
            }
            if open
                && !input.is_empty()
                && !may_deliver(session, limits, crowded)
                && !session.decoder.is_at_control(input)
            {
                break Ok(Handled::Held);
            }
            match session.decoder.next(input, &mut self.buffers.payloads, &decode) {
                Ok(None) => break Ok(Handled::All),
                Ok(Some(Received::Part(part))) => {
                    ask = true;
                    if let Some(contexts) = session.deflate.as_mut().filter(|_| open) {
                        let limit = limits.max_message_size;
                        if let Err(error) = self.codec.inflate_part(contexts, &part, limit) {
                            break Err(Err(refusal(&violation(error, limit))));
                        }
                    }
                }
                Ok(Some(Received::Message { payload, binary, compressed })) => {
                    ask = compressed;
                    let payload = match &mut session.deflate {
                        Some(contexts) if compressed && open => {
                            match inflate(&mut self.codec, contexts, &payload, binary, limits) {
                                Ok(message) => message,
                                Err(violation) => break Err(Err(refusal(&violation))),
                            }
                        }
                        _ => payload,
                    };
                    #[cfg(any(test, feature = "faults"))]
                    super::tick::fault(&payload);
                    in_message = false;
                    if open {
                        messages += 1;
                        let publisher = &mut self.port.publisher;
                        if speak(&self.common, publisher, session, &payload, binary) {
                            ask = true;
                        } else {
                            let cost = Event::message_cost(payload.len());
                            self.reading.handed += cost as u64;
                            session.credit.spend(cost);
                            self.port.events.push(Event::Message { id: *id, payload, binary });
                        }
                        if let Some(throttled) = throttle(session, limits.message_rate, now, steady, pardon) {
                            session.throttled = Some(throttled);
                        }
                    }
                }
                Ok(Some(Received::Close(close))) => break Err(Ok(close)),
                Ok(Some(control)) => {
                    controls += 1;
                    if session.control.is_flood(now) {
                        break Err(Err((1008, "too many control frames".to_owned())));
                    }
                    if let Received::Ping(payload) | Received::Pong(payload) = &control {
                        control_bytes += CONTROL_HEADER + payload.len();
                    }
                    match control {
                        // Nothing follows a close frame: a browser fails the connection for whatever does.
                        Received::Ping(payload) if open => {
                            let pong = control_frame(OpCode::Pong, &payload);
                            let before = outbox.retained();
                            if stalled.is_some() || outbox.frames() >= PONGS {
                                outbox.set_pong(pong);
                            } else {
                                outbox.push(pong);
                            }
                            session.unreported += outbox.retained() as isize - before as isize;
                            if !std::mem::replace(dirty, true) {
                                self.writing.dirty.push(slot);
                            }
                        }
                        Received::Pong(payload) => {
                            // The time of this tick is a little old by now; the round trip is not.
                            if let Some(latency) = session.heart.latency(&payload, self.clock.precisely()) {
                                session.gauge.set_latency(latency);
                            }
                        }
                        _ => {}
                    }
                }
                Err(violation) => break Err(Err(refusal(&violation))),
            }
        };
        if session.decoder.in_message() {
            // Pings do not buy it time.
            session.message_arrives(now, read.saturating_sub(control_bytes), in_message);
        } else {
            session.message_due = None;
        }
        if end.is_err()
            && let Some(contexts) = &mut session.deflate
        {
            self.codec.forget(contexts);
        }
        self.reading.inflating += session.held();
        self.reading.messages += messages;
        self.counters(|c| c.messages_received.add(messages));
        match end {
            Ok(handled) => handled,
            Err(Ok(close)) => {
                self.peer_closed(slot, close);
                Handled::Over
            }
            Err(Err((code, reason))) => {
                self.counters(|c| c.violations.increment());
                self.fail_after_messages(slot, code, &reason);
                Handled::Over
            }
        }
    }

    /// Keeps what a connection may not hand over yet, and sees to it that somebody comes back.
    fn keep(&mut self, slot: u32, rest: &[u8]) {
        let crowded = self.is_crowded();
        let limits = &self.common.config.limits;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        // A copy: the shared buffer must not be held for as long as PHP takes.
        connection.unread = BytesMut::from(rest);
        connection.settle_unread(&mut self.reading.unread);
        let Some(session) = &mut connection.session else { return };
        if session.throttled.is_some_and(|t| t.now) || session.paused {
            return;
        }
        if may_deliver(session, limits, crowded) || session.decoder.is_at_control(&connection.unread) {
            return self.come_back(slot);
        }
        self.counters(|c| c.reads_paused.increment());
        self.starve(slot);
    }

    /// Has a connection wait until PHP has consumed some of its messages.
    pub(super) fn starve(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let Some(session) = &mut connection.session else { return };
        session.starved = true;
        // Says so, then looks once more: credit may have come back just before PHP could know.
        self.port.commands.set_blocked(true);
        if self.is_starving(slot, self.is_crowded()) {
            self.reading.blocked.push(slot);
        }
    }

    /// After PHP consumed: those that waited for it go on.
    pub(super) fn return_credit(&mut self) {
        if self.port.commands.take_credit_notification() {
            self.feed_starved();
        }
    }

    /// Looks who of those that wait for credit may go on.
    pub(super) fn feed_starved(&mut self) {
        let crowded = self.is_crowded();
        let mut starved = std::mem::take(&mut self.reading.blocked);
        starved.retain(|&slot| self.is_starving(slot, crowded));
        self.reading.blocked = starved;
        if self.reading.blocked.is_empty() {
            self.port.commands.set_blocked(false);
        }
    }

    /// Whether a connection still has to wait; one that need not gets its tick.
    fn is_starving(&mut self, slot: u32, crowded: bool) -> bool {
        let limits = &self.common.config.limits;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return false };
        let Some(session) = connection.session.as_mut().filter(|session| session.starved) else {
            return false;
        };
        if matches!(connection.phase, Phase::Failing { .. }) {
            if !session.credit.is_settled(&session.gauge) {
                return true;
            }
        } else {
            // Half of it at least: one message at a time would cost a tick each.
            let (messages, bytes) = (limits.receive_messages, limits.receive_bytes);
            if crowded || !session.credit.has_room(&session.gauge, messages.div_ceil(2), bytes.div_ceil(2)) {
                return true;
            }
            session.starved = false;
        }
        self.schedule.again.push(slot);
        false
    }

    /// What waits for PHP and for clients.
    pub(super) fn all_waiting(&self) -> usize {
        self.writing.waiting + self.messages_waiting() + self.requests.bodies.waiting(&self.port.commands)
    }

    fn messages_waiting(&self) -> usize {
        self.reading.handed.saturating_sub(self.port.commands.consumed()) as usize
    }

    /// Whether this shard's share of what may wait for PHP is used up. Bodies never take more than their part of it.
    fn is_crowded(&self) -> bool {
        self.messages_waiting() + self.requests.bodies.of_messages(&self.port.commands) >= self.reading.budget
    }

    /// Reads and forgets, until the client has finished or has had its chance.
    fn discard(&mut self, slot: u32) {
        for _ in 0..READS_PER_TICK {
            let Some(connection) = self.connections.get_mut(slot as usize) else { return };
            match connection.read(&mut self.buffers, usize::MAX) {
                Read::Bytes(..) => {}
                Read::Nothing => return,
                Read::End => {
                    // The last bytes may still have to leave.
                    if !connection.has_unsent() {
                        self.remove(slot);
                    }
                    return;
                }
            }
        }
        self.schedule.again.push(slot);
    }
}

/// Has the protocol handle a message, if the server speaks one. False if the message is the consumer's: it wants to see
/// messages, has not finished with an earlier one of this connection, or a shard is so far behind with its commands
/// that a publisher would have to wait.
fn speak(
    common: &Common,
    publisher: &mut Publisher,
    session: &mut OpenState,
    payload: &[u8],
    binary: bool,
) -> bool {
    let Some(protocol) = &common.protocol else { return false };
    !common.hub.interests().messages
        && session.credit.is_settled(&session.gauge)
        && !publisher.is_held_up()
        && protocol.message(&protocol::Message { payload, binary }, publisher) == protocol::Handled::Done
}

fn may_deliver(session: &mut OpenState, limits: &Limits, crowded: bool) -> bool {
    !crowded
        && !session.throttled.is_some_and(|t| t.now)
        && session.credit.has_room(&session.gauge, limits.receive_messages, limits.receive_bytes)
}

/// Counts a message against the rate; over it, says until when to wait.
fn throttle(
    session: &mut OpenState,
    rate: Option<f64>,
    now: Duration,
    steady: Duration,
    pardon: Duration,
) -> Option<Throttled> {
    let (rate, bucket) = (rate?, session.rate.as_mut()?);
    // Who keeps to the rate sends on while nobody reads, and all of that comes at once.
    let burst = rate.max(1.0) + rate * pardon.as_secs_f64();
    match bucket.take(rate, burst, steady) {
        Ok(()) => None,
        Err(wait) => {
            // A client that stayed below the rate for a while after a delay starts afresh.
            let since =
                session.throttled.filter(|t| now < t.until.saturating_add(FORGIVEN)).map_or(now, |t| t.since);
            Some(Throttled { until: now.saturating_add(wait), since, now: true })
        }
    }
}

/// What a compressed message says (RFC 7692 section 6.2), or one of which `payload` is the rest, under
/// the limit for messages.
fn inflate(
    codec: &mut Codec,
    contexts: &mut Contexts,
    payload: &[u8],
    binary: bool,
    limits: &Limits,
) -> Result<Bytes, Violation> {
    let limit = limits.max_message_size;
    let message = codec.inflate(contexts, payload, limit).map_err(|error| violation(error, limit))?;
    if !binary && simdutf8::basic::from_utf8(&message).is_err() {
        return Err(Violation::InvalidUtf8);
    }
    // What waits for PHP is counted by its length, so it may not drag spare capacity along.
    Ok(Bytes::from(message.into_boxed_slice()))
}

fn violation(error: InflateError, limit: usize) -> Violation {
    match error {
        InflateError::TooBig => Violation::MessageTooBig { limit },
        InflateError::Corrupt => Violation::Corrupt,
        InflateError::Hollow => Violation::Hollow,
    }
}

fn refusal(violation: &Violation) -> (u16, String) {
    (violation.close_code(), violation.to_string())
}

/// A control frame of the server's own.
pub(super) fn control_frame(opcode: OpCode, payload: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(frame::encoded_len(payload.len()));
    frame::encode(&mut frame, opcode, payload);
    frame.freeze()
}

/// The code and reason of a close frame as PHP is told them.
pub(super) fn close_code(close: Option<&CloseFrame>) -> (u16, Box<str>) {
    match close {
        None => (frame::CloseCode::NO_STATUS, "".into()),
        Some(close) => (close.code, String::from_utf8_lossy(&close.reason).into()),
    }
}

/// After so many control frames others are served.
const CONTROLS: usize = 64;
/// Of a client's control frame.
const CONTROL_HEADER: usize = 6;
/// With so many frames waiting, pings get one pong between them.
const PONGS: usize = 64;
/// Reads of one connection in one tick.
const READS_PER_TICK: usize = 4;
/// After a read of so much it is asked how long it took.
const MUCH: usize = 16 << 10;
/// What is read at once while PHP has too much to do: control frames still get through, and the
/// rest is not much.
const CROWDED_READ: usize = 4 << 10;
/// What was read and cannot be handled yet may be such a part of what may wait for PHP in all; beyond it, as little
/// is read at once.
const UNREAD_PART: usize = 8;
/// How long after a delay a client must stay below its rate for the delay to be forgotten.
const FORGIVEN: Duration = Duration::from_secs(1);
/// From how many bytes on a compressed message is inflated while it arrives: more than the inflater takes
/// that it then has to itself.
const PART: usize = 64 << 10;
