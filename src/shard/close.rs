//! Every way in which a connection ends, and the end of the shard.
//!
//! PHP is told once: by [`Shard::announce_close`], which also takes the connection out of the hub.
//! The socket may live on a little, so that the last bytes arrive.

use std::{sync::atomic::Ordering, time::Duration};

use super::{frames::close_code, tick::Shard, write::TOO_SLOW};
use crate::{
    connection::{Access, Connection, Phase},
    frame::{CloseCode, CloseFrame},
    http,
    queue::{ConnectionId, Event},
};

/// The end of the shard.
#[derive(Debug, Default)]
pub(super) struct Closing {
    pub(super) stopping: Option<Stopping>,
}

/// A shard that ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stopping {
    /// When it must be over.
    deadline: Duration,
    /// When it began, and over how long the close frames are spread, so that the clients do not all
    /// come back in the same instant.
    began: Duration,
    spread: Duration,
    /// Connections when it began, and how many were told to go.
    of: usize,
    closed: usize,
}

impl Shard {
    /// The client sent a close frame: it is answered with its own code (RFC 6455 section 5.5.1).
    pub(super) fn peer_closed(&mut self, slot: u32, close: Option<CloseFrame>) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let (code, reason) = match std::mem::replace(&mut connection.phase, Phase::Open) {
            // The answer to the server's own.
            Phase::Closing { code, reason } => (code, reason),
            _ => {
                connection.push_close(close.as_ref().map(|close| close.code), "");
                close_code(close.as_ref())
            }
        };
        self.conclude(slot, code, reason);
    }

    /// The application's close: pending frames leave first, then the client has its time to answer.
    pub(super) fn close(&mut self, id: ConnectionId, code: u16, reason: Box<str>) {
        let slot = self.ids.slot(id) as u32;
        let deadline = self.now + self.common.config.limits.close_timeout;
        let Some(connection) =
            self.connections.get_mut(self.ids.slot(id)).filter(|c| c.id == id && c.is_open())
        else {
            return;
        };
        if matches!(connection.phase, Phase::Failing { .. }) {
            return self.fail_now(slot);
        }
        connection.push_close(Some(code), &reason);
        connection.deadline = deadline;
        connection.phase = Phase::Closing { code, reason };
        if let Some(open) = &mut connection.open {
            open.gauge.close();
            // The answer must be read, even if the application had paused reading.
            open.paused = false;
            open.throttled = None;
            open.blocked = false;
        }
        self.touch(slot);
        self.schedule.again.push(slot);
    }

    /// Fails the connection (RFC 6455 section 7.1.7): a close frame with the reason, then the end.
    pub(super) fn fail(&mut self, slot: u32, code: u16, reason: &str) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        match std::mem::replace(&mut connection.phase, Phase::Open) {
            // It has had its close frame.
            Phase::Closing { code, reason } => self.conclude(slot, code, reason),
            _ => {
                connection.push_close(Some(code), reason);
                self.conclude(slot, code, reason.into());
            }
        }
    }

    /// Fails the connection once PHP has answered the messages before the violation: the close frame must not
    /// overtake those answers.
    pub(super) fn fail_after_messages(&mut self, slot: u32, code: u16, reason: &str) {
        let deadline = self.now + self.common.config.limits.close_timeout;
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if !matches!(connection.phase, Phase::Open) {
            return self.fail(slot, code, reason);
        }
        connection.phase = Phase::Failing { code, reason: reason.into() };
        connection.deadline = deadline;
        // The bell that tells of credit tells of answers too.
        self.block(slot);
    }

    /// Fails a connection that was to be failed, now that its time has come.
    pub(super) fn fail_if_settled(&mut self, slot: u32) {
        let open = self.connections.get_mut(slot as usize).and_then(|c| c.open.as_mut());
        if !open.is_some_and(|open| open.credit.check_settled(&open.gauge)) {
            // Something else woke it; the bell will ring.
            return;
        }
        // The answers are in the queue at the latest when the last message counts as consumed.
        if !self.port.commands.is_primary_empty() {
            return self.schedule.again.push(slot);
        }
        self.fail_now(slot);
    }

    /// Fails it although PHP has not answered everything.
    pub(super) fn fail_now(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if let Phase::Failing { code, reason } = std::mem::replace(&mut connection.phase, Phase::Open) {
            self.fail(slot, code, &reason);
        }
    }

    /// The outbox is full and the policy is to close: drops the waiting frames, so that the close frame has a chance.
    pub(super) fn close_slow(&mut self, id: ConnectionId) {
        let Some(connection) =
            self.connections.get_mut(self.ids.slot(id)).filter(|c| c.id == id && c.is_open())
        else {
            return;
        };
        self.writing.shed.leave(connection.counted);
        connection.outbox.drop_pending();
        connection.settle(&mut self.writing.waiting);
        self.counters(|c| c.slow_closed.increment());
        self.fail(self.ids.slot(id) as u32, CloseCode::TRY_AGAIN_LATER, TOO_SLOW);
    }

    /// Ends a connection without another word, for `code` if it was open.
    pub(super) fn cut(&mut self, slot: u32, code: u16, reason: &str) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.is_open() {
            connection.phase = Phase::Closing { code, reason: reason.into() };
        }
        connection.stream.reset();
        self.broken(slot);
    }

    /// The connection broke, or the client finished without a close frame.
    pub(super) fn broken(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.is_arriving() {
            return self.give_up(slot);
        }
        match std::mem::replace(&mut connection.phase, Phase::Lingering { finished: true }) {
            Phase::Open => {
                self.announce_close(slot, CloseCode::ABNORMAL, "".into());
                self.remove(slot);
            }
            // The server decided first: that is how it ended, answered or not.
            Phase::Failing { code, reason } | Phase::Closing { code, reason } => {
                self.announce_close(slot, code, reason);
                self.remove(slot);
            }
            _ => self.remove(slot),
        }
    }

    /// After a panic, when nothing of the connection's state can be relied on.
    pub(super) fn fail_broken(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        match connection.phase {
            Phase::Open => {
                connection.outbox.drop_pending();
                connection.settle(&mut self.writing.waiting);
                self.fail(slot, CloseCode::INTERNAL_ERROR, "internal error");
            }
            _ => self.broken(slot),
        }
    }

    /// The time for the client to answer the server's close frame is over.
    pub(super) fn unanswered(&mut self, slot: u32) {
        self.broken(slot);
    }

    /// Both sides know that it is over: the waiting bytes leave, then FIN.
    fn conclude(&mut self, slot: u32, code: u16, reason: Box<str>) {
        let deadline = self.now + self.common.config.limits.close_timeout;
        self.announce_close(slot, code, reason);
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.linger(deadline);
        }
        self.touch(slot);
        self.schedule.again.push(slot);
    }

    /// Tells PHP, and takes the connection out of the hub. Once for every connection that opened.
    fn announce_close(&mut self, slot: u32, code: u16, reason: Box<str>) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        let id = connection.id;
        let topics = self.topics.leave_all(slot);
        self.writing.shed.leave(topics * SUBSCRIPTION);
        self.common.hub.close(id);
        self.counters(|c| c.closed.increment());
        self.port.events.push(Event::Close { id, code, reason });
    }

    /// Drops the socket and all memory of it.
    ///
    /// Bytes that its client has not taken are forgotten, also by the operating system. While the server stops, the
    /// operating system may keep them and go on sending.
    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(mut connection) = self.take(slot) {
            connection.stream.answer_goodbye();
            if connection.has_unsent() && self.closing.stopping.is_none() {
                connection.stream.reset();
            }
        }
    }

    /// Takes a connection out of the shard and of all counts.
    pub(super) fn take(&mut self, slot: u32) -> Option<Connection> {
        let _ = self.leave_body(slot);
        let mut connection = self.connections.try_remove(slot as usize)?;
        self.ids.release(connection.id);
        self.writing.waiting = self.writing.waiting.saturating_sub(connection.counted);
        let inflated = connection.open.as_ref().map_or(0, |open| open.held());
        self.reading.inflating = self.reading.inflating.saturating_sub(inflated);
        self.reading.unread = self.reading.unread.saturating_sub(connection.counted_unread);
        self.writing.shed.leave(connection.kept());
        if connection.access == Access::Full {
            self.common.sockets.fetch_sub(1, Ordering::Relaxed);
        } else {
            self.common.monitors.fetch_sub(1, Ordering::Relaxed);
            self.requests.monitors -= 1;
        }
        if let Some(admission) = connection.admission.take() {
            self.common.addresses.leave(admission);
        }
        Some(connection)
    }

    /// Begins to end the shard. A second order can only make it faster.
    pub(super) fn stop(&mut self, grace: Duration) {
        // A client that has connected and was not accepted yet gets an answer instead of a reset.
        if let Some(acceptor) = &mut self.accepting.acceptor {
            acceptor.leave_passed();
        }
        self.accept();
        if !self.is_monitored() {
            self.accepting.acceptor = None;
        }
        let deadline = self.now + grace;
        if let Some(stopping) = &mut self.closing.stopping {
            stopping.deadline = stopping.deadline.min(deadline);
        } else {
            let slots: Vec<_> = self.connections.iter().map(|(slot, c)| (slot as u32, c.is_open())).collect();
            let of = slots.iter().filter(|(_, open)| *open).count();
            let spread = (SPREAD_EACH * of.min(u32::MAX as usize) as u32).min(grace / 2);
            self.closing.stopping = Some(Stopping { deadline, began: self.now, spread, of, closed: 0 });
            for (slot, _) in slots {
                self.turn_back_some(slot);
            }
        }
        self.say_farewell();
        self.sweeping.next = self.now;
    }

    /// A client that has not asked yet may only ask for the server's health; requests that PHP is to answer stay.
    fn turn_back_some(&mut self, slot: u32) {
        let is_monitored = self.is_monitored();
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        match connection.phase {
            Phase::Asking { .. } => {}
            Phase::ProxyHeader { .. } | Phase::Tls | Phase::Head(_) if is_monitored => {
                if connection.access == Access::Full {
                    connection.access = Access::Monitoring;
                    self.common.sockets.fetch_sub(1, Ordering::Relaxed);
                    self.common.monitors.fetch_add(1, Ordering::Relaxed);
                    self.requests.monitors += 1;
                }
            }
            _ => self.turn_back(slot),
        }
    }

    /// A handshake or a request that is not over will not be.
    fn turn_back(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if !connection.may_answer() {
            self.give_up(slot);
        } else if connection.is_arriving() {
            self.forget_handshake(slot);
            self.forget_asked(slot);
            let _ = self.leave_body(slot);
            if let Some(connection) = self.connections.get_mut(slot as usize) {
                let response = http::rejection(503, b"The server is stopping\n", &[]);
                connection.push(http::dated(response, self.requests.date.now()).into());
                connection.linger(self.now + self.common.config.limits.close_timeout);
            }
            self.touch(slot);
            self.schedule.again.push(slot);
        }
    }

    /// Sends the close frames that are due, and at the deadline ends the remaining connections.
    pub(super) fn say_farewell(&mut self) {
        let Some(mut stopping) = self.closing.stopping else { return };
        if self.now >= stopping.deadline {
            return self.end_all();
        }
        let elapsed = (self.now - stopping.began).as_secs_f64();
        let due = if elapsed >= stopping.spread.as_secs_f64() {
            usize::MAX
        } else {
            (stopping.of as f64 * elapsed / stopping.spread.as_secs_f64()).ceil() as usize
        };
        let open: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.is_open())
            .map(|(_, connection)| connection.id)
            .take(due.saturating_sub(stopping.closed))
            .collect();
        stopping.closed = stopping.closed.saturating_add(open.len());
        self.closing.stopping = Some(stopping);
        for id in open {
            self.close(id, CloseCode::GOING_AWAY, GOING_AWAY.into());
        }
    }

    /// Ends every connection now. Each gets its close frame if its socket takes it at once.
    pub(super) fn end_all(&mut self) {
        let slots: Vec<_> = self.connections.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            self.turn_back(slot);
            if self.connections.get(slot as usize).is_some_and(|c| c.is_open()) {
                self.fail(slot, CloseCode::GOING_AWAY, GOING_AWAY);
            }
            self.touch(slot);
        }
        self.flush();
        let slots: Vec<_> = self.connections.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            self.broken(slot);
        }
        self.accepting.acceptor = None;
        let now = self.now;
        self.closing.stopping.get_or_insert(Stopping {
            deadline: now,
            began: now,
            spread: Duration::ZERO,
            of: 0,
            closed: 0,
        });
    }

    /// Ends the remaining connections once the shard was stopped. True if none is left.
    pub(super) fn end_if_over(&mut self) -> bool {
        let is_over = self.closing.stopping.is_some() && self.connections.len() == self.requests.monitors;
        if (self.port.commands.is_ended() || is_over) && !self.connections.is_empty() {
            self.end_all();
        }
        self.port.commands.is_ended() || (self.closing.stopping.is_some() && self.connections.is_empty())
    }
}

/// Approximate bytes that a connection keeps for each of its topics.
const SUBSCRIPTION: usize = 128;
/// Time between two close frames of a stopping shard.
const SPREAD_EACH: Duration = Duration::from_micros(500);
const GOING_AWAY: &str = "the server is stopping";
