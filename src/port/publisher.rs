//! What one thread says to the connections.

use std::{sync::Arc, time::Duration};

use crate::{
    config::SlowConsumer,
    connection::{FRAME_COST, Framer, Reserved},
    frame::encoded_len,
    hub::{Audience, ConnectionHandle, Hub, Interests, TagError, TopicError},
    queue::{Accept, Command, CommandSender, ConnectionId, Event, Reject, Respond, TagValue},
};

/// The consumer's voice: everything it says reaches each connection in the order it was said.
///
/// Nothing here waits for the network. Between [`begin_batch`](Self::begin_batch) and
/// [`end_batch`](Self::end_batch) the shards are woken once, at the end; a shard that is awake, or
/// dozes because the consumer is at work, takes what was said without that.
#[derive(Debug)]
pub struct Publisher {
    hub: Arc<Hub>,
    shards: Vec<Port>,
    /// What may wait for the clients of one shard.
    share: usize,
    batching: bool,
    framer: Framer,
}

#[derive(Debug)]
struct Port {
    commands: CommandSender,
    /// Whether the batch has said something to this shard.
    touched: bool,
    /// Whether the batch has consumed messages of this shard.
    consumed: bool,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The bytes; of a text, UTF-8: the caller has checked it.
    pub payload: &'a [u8],
    /// Whether it leaves as binary.
    pub binary: bool,
    /// Whether it is compressed for those who can: `None` leaves that to the rule, by which text of
    /// some length is.
    pub compress: Option<bool>,
}

impl<'a> Outgoing<'a> {
    /// A message that is compressed by the rule.
    pub fn new(payload: &'a [u8], binary: bool) -> Self {
        Self { payload, binary, compress: None }
    }
}

/// What happened to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendResult {
    /// Handed over, and the client keeps up.
    Queued,
    /// Handed over, but the client's socket is full at the moment.
    Buffered,
    /// Not sent: the outbox is full and the policy drops the newest.
    Dropped,
    /// Not sent: the connection is closed or closing, or the policy closes it for this.
    Closed,
}

/// A payload that can never be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{payload} bytes are more than may ever wait: {limit} bytes (limits.totalSendBuffer, shared by the I/O threads)"
)]
pub struct PayloadTooBig {
    /// The payload's size.
    pub payload: usize,
    /// What `limits.totalSendBuffer` leaves to one shard.
    pub limit: usize,
}

/// A response to a plain request that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a response of {response} bytes is more than may wait for one client: {limit} bytes (limits.sendBuffer)"
)]
pub struct ResponseTooBig {
    /// The response's size.
    pub response: usize,
    /// What it may be.
    pub limit: usize,
}

impl Publisher {
    /// A voice that reaches the shards through `commands`, one for each, in order.
    pub fn new(hub: Arc<Hub>, commands: Vec<CommandSender>) -> Self {
        let port = |commands| Port { commands, touched: false, consumed: false };
        let share = hub.limits.total_send_buffer / commands.len().max(1);
        let shards = commands.into_iter().map(port).collect();
        Self { hub, shards, share, batching: false, framer: Framer::default() }
    }

    /// The hub it speaks to.
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Defers the wakes of shards to [`end_batch`](Self::end_batch).
    pub fn begin_batch(&mut self) {
        self.batching = true;
    }

    /// Ends a batch: one wake for each shard that rests and was spoken to.
    pub fn end_batch(&mut self) {
        self.batching = false;
        for port in &mut self.shards {
            if std::mem::take(&mut port.touched) {
                port.commands.flush();
            }
            if std::mem::take(&mut port.consumed) {
                port.commands.return_credit();
            }
        }
    }

    /// Sends a message to one connection. Text must be UTF-8: the caller has checked it.
    pub fn send(
        &mut self,
        to: &ConnectionHandle,
        message: Outgoing<'_>,
    ) -> Result<SendResult, PayloadTooBig> {
        self.check_size(message.payload)?;
        let size = encoded_len(message.payload.len()) + FRAME_COST;
        let policy = self.hub.limits.slow_consumer;
        let keep = policy == SlowConsumer::DropOldest;
        let result = match to.gauge().reserve(size, self.hub.limits.send_buffer, keep) {
            Reserved::Ready => SendResult::Queued,
            Reserved::Congested => SendResult::Buffered,
            Reserved::Closed => return Ok(SendResult::Closed),
            Reserved::Full if policy == SlowConsumer::DropNewest => {
                if let Some(counters) = self.hub.counters.get(to.id().shard()) {
                    counters.messages_dropped.add_from_anywhere(1);
                }
                return Ok(SendResult::Dropped);
            }
            Reserved::Full => {
                if to.gauge().close() {
                    self.order(to.id(), Command::CloseSlow { id: to.id() });
                }
                return Ok(SendResult::Closed);
            }
        };
        let frame = self.framer.frame(message.payload, message.binary);
        let compress = self.is_worth_compressing(message);
        let shard = to.id().shard();
        self.throttle(shard);
        self.command(shard, Command::Send { id: to.id(), frame, compress });
        if to.gauge().buffered() > self.hub.limits.send_buffer / 4
            && let Some(port) = self.shards.get(shard)
        {
            // Enough waits to be worth a wake in the middle of a batch: the shard writes while PHP
            // goes on, instead of finding the outbox full.
            port.commands.press();
        }
        Ok(result)
    }

    /// Sends a message to every open connection but those in `except`; says to how many.
    pub fn broadcast(
        &mut self,
        message: Outgoing<'_>,
        except: &[ConnectionId],
    ) -> Result<usize, PayloadTooBig> {
        self.check_size(message.payload)?;
        let except = sorted(except);
        let excepted = except.iter().filter(|id| self.member(**id).is_some_and(|m| m.is_open())).count();
        let frame = self.framer.frame(message.payload, message.binary);
        let compress = self.is_worth_compressing(message);
        self.tell_all(|| Command::Broadcast { frame: frame.clone(), compress, except: except.clone() });
        Ok(self.hub.open_connections().saturating_sub(excepted))
    }

    /// Sends a message to a topic's subscribers but those in `except`; says to how many.
    pub fn publish(
        &mut self,
        topic: &str,
        message: Outgoing<'_>,
        except: &[ConnectionId],
    ) -> Result<usize, PayloadTooBig> {
        self.check_size(message.payload)?;
        // A topic that nobody has may be one that a client gets whose acceptance is on its way.
        let (topic, subscribers) = self.hub.directory.topic(topic).unwrap_or_else(|| (topic.into(), 0));
        let except = sorted(except);
        let excepted =
            except.iter().filter(|id| self.member(**id).is_some_and(|m| m.is_subscribed(&topic))).count();
        let frame = self.framer.frame(message.payload, message.binary);
        let compress = self.is_worth_compressing(message);
        self.tell_all(|| Command::Publish {
            topic: topic.clone(),
            frame: frame.clone(),
            compress,
            except: except.clone(),
        });
        Ok(subscribers.saturating_sub(excepted))
    }

    /// Sends a message to every connection of an audience; says to how many.
    pub fn send_to(&mut self, audience: &Audience, message: Outgoing<'_>) -> Result<usize, PayloadTooBig> {
        self.check_size(message.payload)?;
        let recipients = self.hub.select(audience);
        if recipients.is_empty() {
            return Ok(0);
        }
        let frame = self.framer.frame(message.payload, message.binary);
        let compress = self.is_worth_compressing(message);
        for shard in 0..self.shards.len() {
            let to: Box<[_]> = recipients.iter().copied().filter(|id| id.shard() == shard).collect();
            if !to.is_empty() {
                self.throttle(shard);
                self.command(shard, Command::SendToEach { to, frame: frame.clone(), compress });
            }
        }
        Ok(recipients.len())
    }

    /// Adds topics to a connection; all of them or, with an error, none.
    pub fn subscribe(&mut self, to: &ConnectionHandle, topics: &[&str]) -> Result<(), TopicError> {
        let topics = self.hub.subscribe(to, topics)?;
        if !topics.is_empty() {
            self.order(to.id(), Command::Subscribe { id: to.id(), topics });
        }
        Ok(())
    }

    /// Takes topics from a connection.
    pub fn unsubscribe(&mut self, from: &ConnectionHandle, topics: &[&str]) {
        let topics = self.hub.unsubscribe(from, topics);
        if !topics.is_empty() {
            self.order(from.id(), Command::Unsubscribe { id: from.id(), topics });
        }
    }

    /// Gives a connection tags; all of them or, with an error, none. Who asks for an audience afterwards finds it by
    /// them.
    pub fn tag(&self, to: &ConnectionHandle, tags: &[(&str, TagValue)]) -> Result<(), TagError> {
        self.hub.tag(to, tags)
    }

    /// Takes tags from a connection.
    pub fn untag(&self, from: &ConnectionHandle, names: &[&str]) {
        self.hub.untag(from, names);
    }

    /// Begins the closing handshake, after what is pending. Nothing can be sent afterwards.
    pub fn close(&mut self, to: &ConnectionHandle, code: u16, reason: &str) {
        if to.gauge().close() {
            // What the client said before may still have to reach a consumer that has not ordered this.
            let beside = self.shards.get(to.id().shard()).is_some_and(|port| port.commands.is_beside());
            self.hub.depart(to, beside);
            self.order(to.id(), Command::Close { id: to.id(), code, reason: reason.into() });
        }
    }

    /// Stops reading from a connection: its client is held back by TCP.
    pub fn pause(&mut self, to: &ConnectionHandle) {
        self.order(to.id(), Command::Pause { id: to.id() });
    }

    /// Goes on reading.
    pub fn resume(&mut self, to: &ConnectionHandle) {
        self.order(to.id(), Command::Resume { id: to.id() });
    }

    /// Lets a client in.
    pub fn accept(&mut self, id: ConnectionId, accept: Accept) {
        self.order(id, Command::Accept { id, accept: Box::new(accept) });
    }

    /// Refuses a client.
    pub fn reject(&mut self, id: ConnectionId, reject: Reject) {
        self.order(id, Command::Reject { id, reject: Box::new(reject) });
    }

    /// What the body and the headers of an HTTP response may be, so that it can wait for its client.
    pub fn most_of_response(&self) -> usize {
        self.hub.limits.send_buffer.min(self.share.saturating_sub(HEAD))
    }

    /// Answers a plain request, which came with a body of `asked` bytes: their credit goes back. A
    /// response that [is too large](Self::most_of_response) becomes 500, and an error.
    pub fn respond(
        &mut self,
        id: ConnectionId,
        asked: usize,
        mut response: Respond,
    ) -> Result<(), ResponseTooBig> {
        let (whole, limit) = (response.size(), self.most_of_response());
        let fits = whole <= limit;
        if !fits {
            response = Respond { status: 500, ..Respond::default() };
        }
        self.throttle(id.shard());
        self.command(id.shard(), Command::Respond { id, response: Box::new(response) });
        self.return_credit(id.shard(), |commands| commands.answered(asked));
        if fits { Ok(()) } else { Err(ResponseTooBig { response: whole, limit }) }
    }

    /// Says that a message's callback is done: its credit goes back to its connection.
    pub fn consumed(&mut self, from: &ConnectionHandle, payload: usize) {
        let cost = Event::message_cost(payload);
        from.gauge().consume(cost);
        self.return_credit(from.id().shard(), |commands| commands.consumed(cost));
    }

    fn return_credit(&mut self, shard: usize, count: impl FnOnce(&CommandSender)) {
        let batching = self.batching;
        if let Some(port) = self.shards.get_mut(shard) {
            count(&port.commands);
            if batching {
                port.consumed = true;
            } else {
                port.commands.return_credit();
            }
        }
    }

    /// Forgets a connection, whose `Event::Close` the consumer has come to.
    pub fn forget(&mut self, id: ConnectionId) {
        self.hub.forget(id);
    }

    /// Forgets who is gone: `Event::HandshakeGone` or `Event::RequestGone` is dealt with.
    pub fn forget_abandoned(&mut self) {
        self.hub.registry.forget_abandoned();
    }

    /// The open connection of that id, or one whose end the consumer has not seen.
    pub fn member(&self, id: ConnectionId) -> Option<Arc<ConnectionHandle>> {
        self.hub.registry.get(id)
    }

    /// Has the consumer woken after `after`, though nothing may have happened. Replaces the last.
    pub fn alarm(&mut self, after: Duration) {
        self.command(0, Command::Alarm { after });
    }

    /// Has the consumer look at its events: while it takes a shard's turns it hears only who speaks to that.
    pub fn ring(&mut self) {
        self.command(0, Command::Ring);
    }

    /// Orders every shard to drain and end within `grace`. Who speaks beside the consumer is silenced first.
    pub fn stop(&mut self, grace: Duration) {
        self.hub.silence();
        for shard in 0..self.shards.len() {
            self.command(shard, Command::Stop { grace });
        }
    }

    /// Says which optional events the consumer wants.
    pub fn interests(&self, interests: Interests) {
        self.hub.set_interests(interests);
    }

    /// Whether a message is to be compressed for those who can: what the caller says, or else text
    /// of some length. Binary payloads mostly are compressed already.
    fn is_worth_compressing(&self, message: Outgoing<'_>) -> bool {
        self.hub.compression.as_ref().is_some_and(|compression| {
            let rule = !message.binary && message.payload.len() >= compression.threshold;
            message.compress.unwrap_or(rule)
        })
    }

    fn check_size(&self, payload: &[u8]) -> Result<(), PayloadTooBig> {
        let limit = self.share;
        if encoded_len(payload.len()) + FRAME_COST > limit {
            return Err(PayloadTooBig { payload: payload.len(), limit });
        }
        Ok(())
    }

    fn tell_all(&mut self, command: impl Fn() -> Command) {
        for shard in 0..self.shards.len() {
            self.throttle(shard);
            self.command(shard, command());
        }
    }

    fn order(&mut self, id: ConnectionId, command: Command) {
        self.throttle(id.shard());
        self.command(id.shard(), command);
    }

    fn command(&mut self, shard: usize, command: Command) {
        let batching = self.batching;
        let Some(port) = self.shards.get_mut(shard) else { return };
        port.commands.push(command);
        if !batching {
            port.commands.flush();
        } else if !std::mem::replace(&mut port.touched, true) {
            port.commands.wake_early();
        }
    }

    /// Waits while more is on its way to a shard than all outboxes may hold. A shard never waits
    /// for the network, so this is a wait for the processor, and only for who says more than it can
    /// pass on; without it, what waits in the queue would have no bound.
    fn throttle(&mut self, shard: usize) {
        let share = self.share;
        let Some(port) = self.shards.get(shard) else { return };
        while port.commands.in_transit() > share && !port.commands.is_gone() {
            port.commands.press();
            std::thread::sleep(Duration::from_micros(100));
        }
    }
}

fn sorted(ids: &[ConnectionId]) -> Arc<[ConnectionId]> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids.into()
}

/// What a response has beside its body and the headers that it is given.
const HEAD: usize = 1 << 10;
