//! From the outbox to the socket, and the policy for clients that do not read.

use std::task::Context;

use bytes::Bytes;

use super::{
    fanned::{Fanned, compressed},
    shed::Shed,
    tick::Shard,
};
use crate::{
    config::{Limits, SlowConsumer},
    connection::{FRAME_COST, Outbox, Phase, Written},
    queue::{ConnectionId, Event},
};

/// The close reason for a client that does not read.
pub(super) const TOO_SLOW: &str = "the client reads too slowly";

/// The outboxes of all connections.
pub(super) struct Writing {
    /// Slots whose outbox grew in this tick.
    pub(super) dirty: Vec<u32>,
    /// The recipients of a message, while it is delivered; kept for their memory.
    pub(super) recipients: Vec<u32>,
    /// Bytes that all outboxes keep.
    pub(super) waiting: usize,
    /// Bytes that they may keep: this shard's part of `limits.totalSendBuffer`.
    pub(super) budget: usize,
    /// Memory that was freed lately.
    pub(super) shed: Shed,
}

impl Writing {
    pub(super) fn new(limits: &Limits, shards: usize) -> Self {
        let budget = limits.total_send_buffer / shards;
        Self { dirty: Vec::new(), recipients: Vec::new(), waiting: 0, budget, shed: Shed::default() }
    }
}

impl Shard {
    /// Puts a connection on the list of those to write to at the end of the tick.
    pub(super) fn touch(&mut self, slot: u32) {
        if let Some(connection) = self.connections.get_mut(slot as usize)
            && !std::mem::replace(&mut connection.dirty, true)
        {
            self.writing.dirty.push(slot);
        }
    }

    /// A message for one connection, counted in its gauge by the sender.
    pub(super) fn deliver(&mut self, id: ConnectionId, frame: Bytes, compress: bool) {
        let slot = self.ids.slot(id) as u32;
        let limits = &self.common.config.limits;
        let Some(connection) =
            self.connections.get_mut(self.ids.slot(id)).filter(|c| c.id == id && c.is_open())
        else {
            return;
        };
        let plain = frame.len();
        let frame = match &mut connection.open {
            Some(open) if compress => {
                let frame = compressed(&mut self.codec, open, &frame).unwrap_or(frame);
                // The sender counted it as it was.
                open.unreported += frame.len() as isize - plain as isize;
                frame
            }
            _ => frame,
        };
        connection.outbox.push(frame);
        connection.settle(&mut self.writing.waiting);
        // The other policies acted when PHP sent it.
        if limits.slow_consumer == SlowConsumer::DropOldest && self.check_full(slot, 0) {
            self.drop_oldest(slot);
        }
        self.counters(|c| c.messages_sent.increment());
        self.touch(slot);
        self.relieve();
    }

    /// A frame for many. Each outbox has its own budget and meets its own fate.
    pub(super) fn fan_out(&mut self, slot: u32, message: &mut Fanned, except: &[ConnectionId]) {
        let Some(connection) = self.connections.get_mut(slot as usize).filter(|c| c.is_open()) else {
            return;
        };
        if !except.is_empty() && except.binary_search(&connection.id).is_ok() {
            return;
        }
        let id = connection.id;
        // With context takeover it is compressed for this client alone, and only once it is sure to be
        // sent; until then its plain length stands for it.
        let frame = message.shared(&mut self.codec, connection.open.as_deref_mut());
        let full = self.check_full(slot, frame.len());
        if full {
            match self.common.config.limits.slow_consumer {
                SlowConsumer::Close => return self.close_slow(id),
                SlowConsumer::DropNewest => {
                    return self.counters(|c| c.messages_dropped.add_from_anywhere(1));
                }
                SlowConsumer::DropOldest => {}
            }
        }
        let Some(connection) = self.connections.get_mut(slot as usize).filter(|c| c.is_open()) else {
            return;
        };
        let own = connection.open.as_mut().filter(|open| message.is_for_each(open));
        let frame = own.and_then(|open| compressed(&mut self.codec, open, &frame)).unwrap_or(frame);
        connection.push(frame);
        connection.settle(&mut self.writing.waiting);
        if full {
            self.drop_oldest(slot);
        }
        self.counters(|c| c.messages_sent.increment());
        self.touch(slot);
        self.relieve();
    }

    /// Writes a full outbox once, if this tick has not. True if `more` bytes are still too many for it.
    fn check_full(&mut self, slot: u32, more: usize) -> bool {
        if !self.exceeds(slot, more) {
            return false;
        }
        if self.connections.get(slot as usize).is_some_and(|c| c.stalled.is_none()) {
            // Full perhaps only because this tick has not written yet.
            self.flush_one(slot);
        }
        self.exceeds(slot, more)
    }

    fn exceeds(&self, slot: u32, more: usize) -> bool {
        let limits = &self.common.config.limits;
        self.connections.get(slot as usize).is_some_and(|connection| {
            let alone = connection.outbox.frames() == usize::from(more == 0);
            let more = if more == 0 { 0 } else { more + FRAME_COST };
            !alone && connection.outbox.retained() + more > limits.send_buffer
        })
    }

    /// Makes room by dropping the oldest frames.
    fn drop_oldest(&mut self, slot: u32) {
        let most = self.common.config.limits.send_buffer;
        self.drop_while(slot, Outbox::drop_oldest, |outbox, _| outbox.retained() > most);
    }

    /// Drops frames of one outbox as long as there is one to drop and `too_much` returns true for the outbox and the
    /// bytes of all outboxes.
    pub(super) fn drop_while(
        &mut self,
        slot: u32,
        drop: impl Fn(&mut Outbox) -> Option<usize>,
        too_much: impl Fn(&Outbox, usize) -> bool,
    ) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let mut dropped = 0;
        while too_much(&connection.outbox, self.writing.waiting) {
            let Some(kept) = drop(&mut connection.outbox) else { break };
            dropped += 1;
            connection.settle(&mut self.writing.waiting);
            if let Some(open) = &mut connection.open {
                open.unreported -= kept as isize;
            }
        }
        self.counters(|c| c.messages_dropped.add_from_anywhere(dropped));
    }

    /// Writes to every connection that was touched, once.
    pub(super) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.writing.dirty);
        for slot in dirty.drain(..) {
            self.guarded(slot, |shard| shard.flush_one(slot));
        }
        if self.writing.dirty.is_empty() {
            // Keeps its memory.
            self.writing.dirty = dirty;
        }
    }

    fn flush_one(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.dirty = false;
        let mut bytes = 0;
        let written = connection.write(&mut self.buffers, self.now, &mut bytes);
        connection.settle(&mut self.writing.waiting);
        if bytes > 0
            && matches!(connection.phase, Phase::Closing { .. } | Phase::Lingering { finished: false })
        {
            // Frames from before the close leave as long as the client takes them; the time to answer begins then.
            connection.deadline = self.now + self.common.config.limits.close_timeout;
        }
        let congested = matches!(written, Ok(Written::Some));
        let mut drained = false;
        if let Some(open) = &mut connection.open {
            open.report();
            if open.congested != congested {
                open.congested = congested;
                if congested {
                    open.gauge.set_congested();
                } else {
                    drained = open.gauge.set_drained();
                }
            }
        }
        let id = connection.id;
        let mut done = false;
        if matches!((&written, &connection.phase), (Ok(Written::All), Phase::Responding)) {
            connection.linger(self.now + self.common.config.limits.close_timeout);
        }
        if let (Ok(Written::All), Phase::Lingering { finished: finished @ false }) =
            (&written, &mut connection.phase)
        {
            let mut cx = Context::from_waker(&connection.waker);
            done = connection.stream.poll_shutdown_write(&mut cx).is_ready();
            *finished = done;
        }
        self.counters(|c| c.bytes_sent.add(bytes as u64));
        if written.is_err() {
            return self.broken(slot);
        }
        if done {
            // The client may have finished already.
            self.schedule.again.push(slot);
        } else if drained && self.common.hub.interests().drains {
            let open = self.connections.get(slot as usize).is_some_and(|c| c.is_open());
            if open {
                self.port.events.push(Event::Drain { id });
            }
        }
    }
}
