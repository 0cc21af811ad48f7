//! The frames of one read: messages on their way to the consumer or the protocol, pings, pongs and the close frame.

use std::{ops::ControlFlow, time::Duration};

use bytes::{Bytes, BytesMut};

use super::{clock::Clock, common::Common, credit::may_deliver, read::Reading, tick::Shard, work::Work};
use crate::{
    config::Limits,
    connection::{Connection, OpenState, Outbox, Phase, Throttled},
    deflate::{Codec, Contexts, InflateError},
    frame::{self, CloseCode, CloseFrame, OpCode, Received, Violation},
    port::ShardPort,
    protocol,
    queue::{ConnectionId, Event},
};

/// The outcome of handling the bytes of one read.
pub(super) enum Handled {
    /// All of them are handled.
    All,
    /// The connection may not hand over more now; the rest is kept.
    Held,
    /// The connection has left the phase in which frames matter.
    Over,
}

/// The end of a pass that was not at the end of its bytes.
enum End {
    /// The connection may not hand over more now.
    Held,
    /// The client has sent a close frame.
    Closed(Option<CloseFrame>),
    /// The client broke a rule: close code and reason.
    Failed(u16, String),
}

/// One pass over the bytes of a read: the connection, and the parts of the shard that it needs.
struct Pass<'a> {
    common: &'a Common,
    port: &'a mut ShardPort,
    codec: &'a mut Codec,
    work: &'a Work,
    reading: &'a mut Reading,
    /// Slots whose outbox grew in this tick.
    dirty: &'a mut Vec<u32>,
    id: ConnectionId,
    slot: u32,
    state: &'a mut OpenState,
    outbox: &'a mut Outbox,
    is_dirty: &'a mut bool,
    /// True if the client does not take its frames.
    is_stalled: bool,
    /// False once the connection closes: then only control frames count.
    is_open: bool,
    is_over_budget: bool,
    now: Duration,
    steady: Duration,
    pardon: Duration,
    /// True after a step that may have taken long.
    ask: bool,
    messages: u64,
    controls: usize,
    control_bytes: usize,
    /// True while the message goes on that was unfinished before the pass.
    in_message: bool,
}

impl Shard {
    /// Handles every frame in `input`, of `read` bytes that came.
    pub(super) fn handle_frames(&mut self, slot: u32, input: &mut BytesMut, read: usize) -> Handled {
        let (now, is_over_budget) = (self.now, self.is_over_budget());
        let Some(connection) = self.connections.get_mut(slot as usize) else { return Handled::Over };
        let Connection { id, open: Some(state), outbox, phase, dirty, stalled, .. } = connection else {
            return Handled::Over;
        };
        state.heart.hear(now);
        self.reading.inflating = self.reading.inflating.saturating_sub(state.held());
        let decode = self.reading.decode_limits(state.deflate.is_some());
        let mut pass = Pass {
            common: &self.common,
            port: &mut self.port,
            codec: &mut self.codec,
            work: &self.schedule.work,
            reading: &mut self.reading,
            dirty: &mut self.writing.dirty,
            id: *id,
            slot,
            in_message: state.decoder.in_message(),
            state,
            outbox,
            is_dirty: dirty,
            is_stalled: stalled.is_some(),
            is_open: matches!(phase, Phase::Open),
            is_over_budget,
            now,
            steady: self.clock.steady_now(),
            pardon: self.clock.pardon(),
            ask: false,
            messages: 0,
            controls: 0,
            control_bytes: 0,
        };
        let mut end = None;
        while end.is_none() {
            if let Some(held) = pass.hold(input) {
                end = Some(held);
                break;
            }
            let step = match pass.state.decoder.next(input, &mut self.buffers.payloads, &decode) {
                Ok(None) => break,
                Ok(Some(received)) => pass.handle(received, &self.clock),
                Err(violation) => ControlFlow::Break(failed(&violation)),
            };
            end = step.break_value();
        }
        let messages = pass.finish(read, end.as_ref());
        self.counters(|c| c.messages_received.add(messages));
        match end {
            None => Handled::All,
            Some(End::Held) => Handled::Held,
            Some(End::Closed(close)) => {
                self.peer_closed(slot, close);
                Handled::Over
            }
            Some(End::Failed(code, reason)) => {
                self.counters(|c| c.violations.increment());
                self.fail_after_messages(slot, code, &reason);
                Handled::Over
            }
        }
    }
}

impl Pass<'_> {
    /// Before each frame: ends the pass if others are to be served first, or the connection may not hand over a message.
    #[inline]
    fn hold(&mut self, input: &[u8]) -> Option<End> {
        let is_much = self.controls >= CONTROLS || (std::mem::take(&mut self.ask) && self.work.is_long());
        if input.is_empty() {
            return None;
        }
        let is_blocked = self.is_open
            && !may_deliver(self.state, &self.common.config.limits, self.is_over_budget)
            && !self.state.decoder.is_at_control(input);
        (is_much || is_blocked).then_some(End::Held)
    }

    #[inline]
    fn handle(&mut self, received: Received, clock: &Clock) -> ControlFlow<End> {
        match received {
            Received::Message { payload, binary, compressed } => self.message(payload, binary, compressed),
            Received::Part(part) => self.part(&part),
            Received::Close(close) => ControlFlow::Break(End::Closed(close)),
            Received::Ping(payload) => {
                self.count_control(payload.len())?;
                // Nothing follows a close frame: a browser fails the connection for anything that does.
                if self.is_open {
                    self.pong(&payload);
                }
                ControlFlow::Continue(())
            }
            Received::Pong(payload) => {
                self.count_control(payload.len())?;
                // The time of this tick is a little old by now; the round trip is not.
                if let Some(latency) = self.state.heart.latency(&payload, clock.precisely()) {
                    self.state.gauge.set_latency(latency);
                }
                ControlFlow::Continue(())
            }
        }
    }

    /// A part of a compressed message that is inflated while it arrives.
    fn part(&mut self, part: &[u8]) -> ControlFlow<End> {
        self.ask = true;
        if let Some(contexts) = self.state.deflate.as_mut().filter(|_| self.is_open) {
            let limit = self.common.config.limits.max_message_size;
            if let Err(error) = self.codec.inflate_part(contexts, part, limit) {
                return ControlFlow::Break(failed(&violation(error, limit)));
            }
        }
        ControlFlow::Continue(())
    }

    /// A whole message, as it came.
    #[inline]
    fn message(&mut self, payload: Bytes, binary: bool, compressed: bool) -> ControlFlow<End> {
        self.ask = compressed;
        let payload = match &mut self.state.deflate {
            Some(contexts) if compressed && self.is_open => {
                match inflate(self.codec, contexts, &payload, binary, &self.common.config.limits) {
                    Ok(message) => message,
                    Err(violation) => return ControlFlow::Break(failed(&violation)),
                }
            }
            _ => payload,
        };
        #[cfg(any(test, feature = "faults"))]
        super::tick::fault(&payload);
        self.in_message = false;
        if self.is_open {
            self.deliver(payload, binary);
        }
        ControlFlow::Continue(())
    }

    /// Hands a whole message to the protocol, or to the consumer.
    #[inline]
    fn deliver(&mut self, payload: Bytes, binary: bool) {
        self.messages += 1;
        if self.handle_by_protocol(&payload, binary) {
            self.ask = true;
        } else {
            let cost = Event::message_cost(payload.len());
            self.reading.handed += cost as u64;
            self.state.credit.spend(cost);
            self.port.events.push(Event::Message { id: self.id, payload, binary });
        }
        let rate = self.common.config.limits.message_rate;
        if let Some(throttled) = throttle(self.state, rate, self.now, self.steady, self.pardon) {
            self.state.throttled = Some(throttled);
        }
    }

    /// Has the protocol handle a message, if the server speaks one. False if the message is the consumer's: it wants to
    /// see messages, has not finished with an earlier one of this connection, or a shard is so far behind with its
    /// commands that a publisher would have to wait.
    #[inline]
    fn handle_by_protocol(&mut self, payload: &[u8], binary: bool) -> bool {
        let Some(protocol) = &self.common.protocol else { return false };
        let publisher = &mut self.port.publisher;
        !self.common.hub.interests().messages
            && self.state.credit.check_settled(&self.state.gauge)
            && !publisher.is_held_up()
            && protocol.message(&protocol::Message { payload, binary }, publisher) == protocol::Handled::Done
    }

    fn count_control(&mut self, payload: usize) -> ControlFlow<End> {
        self.controls += 1;
        if self.state.control.count_frame(self.now) {
            return ControlFlow::Break(End::Failed(
                CloseCode::POLICY_VIOLATION,
                "too many control frames".to_owned(),
            ));
        }
        self.control_bytes += CONTROL_HEADER + payload;
        ControlFlow::Continue(())
    }

    /// Answers a ping (RFC 6455 section 5.5.3). A client that does not take its frames gets one pong for all its pings.
    fn pong(&mut self, payload: &[u8]) {
        let pong = control_frame(OpCode::Pong, payload);
        let before = self.outbox.retained();
        if self.is_stalled || self.outbox.frames() >= PONGS {
            self.outbox.set_pong(pong);
        } else {
            self.outbox.push(pong);
        }
        self.state.unreported += self.outbox.retained() as isize - before as isize;
        if !std::mem::replace(self.is_dirty, true) {
            self.dirty.push(self.slot);
        }
    }

    /// Accounts for the pass; returns the number of messages.
    fn finish(self, read: usize, end: Option<&End>) -> u64 {
        if self.state.decoder.in_message() {
            // Pings do not buy it time.
            let bytes = read.saturating_sub(self.control_bytes);
            self.state.message_arrives(self.now, bytes, self.in_message);
        } else {
            self.state.message_due = None;
        }
        if matches!(end, Some(End::Closed(_) | End::Failed(..)))
            && let Some(contexts) = &mut self.state.deflate
        {
            self.codec.forget(contexts);
        }
        self.reading.inflating += self.state.held();
        self.reading.messages += self.messages;
        self.messages
    }
}

/// Counts a message against the rate; over it, says until when to wait.
fn throttle(
    open: &mut OpenState,
    rate: Option<f64>,
    now: Duration,
    steady: Duration,
    pardon: Duration,
) -> Option<Throttled> {
    let (rate, bucket) = (rate?, open.rate.as_mut()?);
    // A client that keeps to the rate sends on while nothing is read, and all of that comes at once.
    let burst = rate.max(1.0) + rate * pardon.as_secs_f64();
    match bucket.take(rate, burst, steady) {
        Ok(()) => None,
        Err(wait) => {
            // A client that stayed below the rate for a while after a delay starts afresh.
            let since =
                open.throttled.filter(|t| now < t.until.saturating_add(FORGIVEN)).map_or(now, |t| t.since);
            Some(Throttled { until: now.saturating_add(wait), since, now: true })
        }
    }
}

/// Inflates a compressed message (RFC 7692 section 6.2), or the last part of one, under the limit for messages.
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
    // Data that waits for PHP is counted by its length, so it may not keep spare capacity.
    Ok(Bytes::from(message.into_boxed_slice()))
}

fn violation(error: InflateError, limit: usize) -> Violation {
    match error {
        InflateError::TooBig => Violation::MessageTooBig { limit },
        InflateError::Corrupt => Violation::Corrupt,
        InflateError::Hollow => Violation::Hollow,
    }
}

fn failed(violation: &Violation) -> End {
    End::Failed(violation.close_code(), violation.to_string())
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
        None => (CloseCode::NO_STATUS, "".into()),
        Some(close) => (close.code, String::from_utf8_lossy(&close.reason).into()),
    }
}

/// After so many control frames others are served.
const CONTROLS: usize = 64;
/// Of a client's control frame.
const CONTROL_HEADER: usize = 6;
/// With so many frames waiting, pings get one pong between them.
const PONGS: usize = 64;
/// Time for which a client must stay below its rate after a delay, so that the delay is forgotten.
const FORGIVEN: Duration = Duration::from_secs(1);
