//! From the socket to the queue: frames of open connections become events, within their credit.

use bytes::BytesMut;

use super::{credit::may_deliver, frames::Handled, schedule::LITTLE, tick::Shard};
use crate::{
    config::Limits,
    connection::{Phase, Read},
    frame::DecodeLimits,
};

/// Messages on their way to the consumer.
pub(super) struct Reading {
    /// The rules for decoding frames.
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

    /// The rules for decoding the frames of a connection. Each unfinished message may have inflated to the limit:
    /// once they are much in all, further ones are put together before they are inflated.
    pub(super) fn decode_limits(&self, deflate: bool) -> DecodeLimits {
        let part = if self.inflating < self.budget { self.decode.part } else { usize::MAX };
        DecodeLimits { deflate, part, ..self.decode }
    }
}

impl Shard {
    /// Serves a ready connection by its phase. `late`: after others were served, also the dear work.
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
            let over_budget = self.is_over_budget();
            let Some(connection) = self.connections.get_mut(slot as usize) else { return };
            if !connection.may_read() {
                return;
            }
            let cautious = !late && connection.open.as_ref().is_some_and(|open| open.deflate.is_some());
            let most = if cautious {
                LITTLE
            } else if over_budget || self.reading.unread >= self.reading.budget / UNREAD_PART {
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
            match self.handle_frames(slot, &mut input, read) {
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

    /// Keeps the bytes that a connection may not hand over yet, and arranges that it is served again.
    fn keep(&mut self, slot: u32, rest: &[u8]) {
        let over_budget = self.is_over_budget();
        let limits = &self.common.config.limits;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        // A copy: the shared buffer must not be held for as long as PHP takes.
        connection.unread = BytesMut::from(rest);
        connection.settle_unread(&mut self.reading.unread);
        let Some(open) = &mut connection.open else { return };
        if open.throttled.is_some_and(|t| t.now) || open.paused {
            return;
        }
        if may_deliver(open, limits, over_budget) || open.decoder.is_at_control(&connection.unread) {
            return self.come_back(slot);
        }
        self.counters(|c| c.reads_paused.increment());
        self.block(slot);
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

/// Reads of one connection in one tick.
const READS_PER_TICK: usize = 4;
/// After a read of so much it is asked how long it took.
const MUCH: usize = 16 << 10;
/// Bytes that are read at once while PHP has too much to do: control frames still get through, and little else is
/// kept.
const CROWDED_READ: usize = 4 << 10;
/// Bytes that were read and cannot be handled yet may be this part of the budget; beyond it, as little is read at
/// once.
const UNREAD_PART: usize = 8;
/// From how many bytes on a compressed message is inflated while it arrives: more than the inflater takes
/// that it then has to itself.
const PART: usize = 64 << 10;
