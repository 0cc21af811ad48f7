//! The publisher: sending to connections, from one thread.
//!
//! A publisher turns each call into commands for the shards. Its commands reach each connection in the order in which
//! they were sent; a command of another publisher that was sent later is carried out later. It never waits for the
//! network: if the outbox of a client is full, the policy for slow consumers decides ([`SendResult`]). If a shard is
//! behind with its commands, the publisher waits for that shard; a publisher of a shard may not wait
//! ([`Publisher::is_held_up`]). While the server stops, all publishers but the consumer's are refused
//! ([`Publisher::unless_stopping`]). A publisher does not check text: payloads that are not binary must be UTF-8.

use std::sync::Arc;

use super::{
    outgoing::{Outgoing, PayloadTooBig, ResponseTooBig, SendResult},
    presence_hold::PresenceHold,
};
use crate::{
    config::SlowConsumer,
    connection::{FRAME_COST, Framer, Reserved},
    frame::encoded_len,
    hub::{AttributeError, Audience, ConnectionHandle, Hub, TagError, TopicError},
    queue::{Accept, Command, CommandSender, ConnectionId, Reject, Respond, TagValue},
};

/// Sends to the connections of a server, and answers questions about them.
///
/// Between [`begin_batch`](Self::begin_batch) and [`end_batch`](Self::end_batch) each shard is woken once, at the end.
/// A shard that is awake, or dozes because the consumer is at work, takes the commands without a wake.
#[derive(Debug)]
pub struct Publisher {
    hub: Arc<Hub>,
    presence: Arc<PresenceHold>,
    shards: Vec<Route>,
    /// The bytes that may wait for the clients of one shard.
    send_budget: usize,
    batching: bool,
    /// True if the thread may wait until a shard has taken its commands.
    may_wait: bool,
    framer: Framer,
}

#[derive(Debug)]
struct Route {
    commands: CommandSender,
    /// True if the batch has sent a command to this shard.
    commanded: bool,
}

impl Publisher {
    /// Makes a publisher that reaches the shards by `commands`, one for each shard, in order.
    pub(super) fn new(hub: Arc<Hub>, presence: Arc<PresenceHold>, commands: Vec<CommandSender>) -> Self {
        let send_budget = hub.limits.total_send_buffer / commands.len().max(1);
        let shards = commands.into_iter().map(|commands| Route { commands, commanded: false }).collect();
        Self {
            hub,
            presence,
            shards,
            send_budget,
            batching: false,
            may_wait: true,
            framer: Framer::default(),
        }
    }

    /// The same publisher for a thread that may not wait until a shard has taken its commands, such as a shard's. That
    /// thread must check [`is_held_up`](Self::is_held_up) before it sends.
    pub(super) fn without_waiting(self) -> Self {
        Self { may_wait: false, ..self }
    }

    /// The hub of the connections.
    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The number of shards.
    pub(super) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// True if the thread may not wait, but would have to: a shard is behind with its commands by more than a send
    /// budget.
    pub fn is_held_up(&self) -> bool {
        !self.may_wait && self.shards.iter().any(|route| route.commands.is_behind_by(self.send_budget))
    }

    /// Defers the wakes of shards to [`end_batch`](Self::end_batch).
    pub fn begin_batch(&mut self) {
        self.batching = true;
    }

    /// Ends a batch: wakes each resting shard that has got a command, once.
    pub fn end_batch(&mut self) {
        self.batching = false;
        for route in &mut self.shards {
            if std::mem::take(&mut route.commanded) {
                route.commands.flush();
            }
        }
    }

    /// Calls `send`; returns `None`, without a call, if the server stops. For all publishers but the consumer's: so
    /// their commands are in the queues before the order to end, and none is accepted that is not carried out.
    pub fn unless_stopping<R>(&mut self, send: impl FnOnce(&mut Self) -> R) -> Option<R> {
        let hub = self.hub.clone();
        hub.unless_stopping(|| send(self))
    }

    /// True if the server stops.
    pub fn is_stopping(&self) -> bool {
        self.hub.is_stopping()
    }

    /// Sends a message to one connection.
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
            Reserved::Full => return Ok(self.refuse_slow(to)),
        };
        let frame = self.framer.frame(message.payload, message.binary);
        let compress = self.is_worth_compressing(message);
        let shard = to.id().shard();
        self.throttle(shard);
        self.command(shard, Command::Send { id: to.id(), frame, compress });
        if to.gauge().buffered() > self.hub.limits.send_buffer / 4
            && let Some(route) = self.shards.get(shard)
        {
            // A quarter of the outbox waits, which is worth a wake in the middle of a batch: the shard writes while the
            // callback goes on, so that the outbox does not fill up.
            route.commands.wake_now();
        }
        Ok(result)
    }

    /// Does with a connection whose outbox is full as the policy for slow consumers says: a message for it is dropped, or
    /// the connection is closed.
    pub fn refuse_slow(&mut self, to: &ConnectionHandle) -> SendResult {
        if self.hub.limits.slow_consumer == SlowConsumer::DropNewest {
            if let Some(counters) = self.hub.counters.get(to.id().shard()) {
                counters.messages_dropped.add_from_anywhere(1);
            }
            return SendResult::Dropped;
        }
        if to.gauge().close() {
            self.command_to(to.id(), Command::CloseSlow { id: to.id() });
        }
        SendResult::Closed
    }

    /// Sends a message to every open connection but those in `except`. Returns the number of recipients.
    pub fn broadcast(
        &mut self,
        message: Outgoing<'_>,
        except: &[ConnectionId],
    ) -> Result<usize, PayloadTooBig> {
        self.check_size(message.payload)?;
        let except = sorted(except);
        let excepted =
            except.iter().filter(|id| self.connection(**id).is_some_and(|handle| handle.is_open())).count();
        let frame = self.framer.frame(message.payload, message.binary);
        let compress = self.is_worth_compressing(message);
        self.command_all(|| Command::Broadcast { frame: frame.clone(), compress, except: except.clone() });
        Ok(self.hub.open_connections().saturating_sub(excepted))
    }

    /// Sends a message to a topic's subscribers but those in `except`. Returns the number of recipients.
    pub fn publish(
        &mut self,
        topic: &str,
        message: Outgoing<'_>,
        except: &[ConnectionId],
    ) -> Result<usize, PayloadTooBig> {
        self.check_size(message.payload)?;
        // Without a subscriber the command is sent too: the acceptance of a client with this topic may be on its way.
        let (topic, subscribers) = self.hub.directory.topic(topic).unwrap_or_else(|| (topic.into(), 0));
        let except = sorted(except);
        let excepted = except
            .iter()
            .filter(|id| self.connection(**id).is_some_and(|handle| handle.is_subscribed(&topic)))
            .count();
        let frame = self.framer.frame(message.payload, message.binary);
        let compress = self.is_worth_compressing(message);
        self.command_all(|| Command::Publish {
            topic: topic.clone(),
            frame: frame.clone(),
            compress,
            except: except.clone(),
        });
        Ok(subscribers.saturating_sub(excepted))
    }

    /// Sends a message to every connection of an audience. Returns the number of recipients.
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

    /// Adds topics to a connection: all of them or, with an error, none.
    pub fn subscribe(&mut self, to: &ConnectionHandle, topics: &[&str]) -> Result<(), TopicError> {
        self.hold_presence();
        let topics = self.hub.subscribe(to, topics)?;
        if !topics.is_empty() {
            self.command_to(to.id(), Command::Subscribe { id: to.id(), topics });
        }
        Ok(())
    }

    /// Takes topics from a connection.
    pub fn unsubscribe(&mut self, from: &ConnectionHandle, topics: &[&str]) {
        self.hold_presence();
        let topics = self.hub.unsubscribe(from, topics);
        if !topics.is_empty() {
            self.command_to(from.id(), Command::Unsubscribe { id: from.id(), topics });
        }
    }

    /// Adds tags to a connection: all of them or, with an error, none. Audiences find the connection by them at once.
    pub fn tag(&self, to: &ConnectionHandle, tags: &[(&str, TagValue)]) -> Result<(), TagError> {
        self.hub.tag(to, tags)
    }

    /// Takes tags from a connection.
    pub fn untag(&self, from: &ConnectionHandle, names: &[&str]) {
        self.hub.untag(from, names);
    }

    /// Sets an attribute of a connection, an encoded value, until the consumer knows that the connection is closed. With
    /// an error the former value stays.
    pub fn set_attribute(
        &self,
        of: &ConnectionHandle,
        key: &str,
        value: &[u8],
    ) -> Result<(), AttributeError> {
        of.set_attribute(key, value)
    }

    /// Takes an attribute from a connection.
    pub fn unset_attribute(&self, of: &ConnectionHandle, key: &str) {
        of.unset_attribute(key);
    }

    /// Begins the closing handshake, after the messages that are pending. Nothing can be sent to the connection
    /// afterwards.
    pub fn close(&mut self, to: &ConnectionHandle, code: u16, reason: &str) {
        if to.gauge().close() {
            // Messages of the client may still be on their way to a consumer that has not ordered the close.
            let gone = self.is_secondary();
            self.hold_presence();
            self.hub.depart(to, gone);
            self.command_to(to.id(), Command::Close { id: to.id(), code, reason: reason.into() });
        }
    }

    /// Stops reading from a connection: TCP then stops the client from sending more.
    pub fn pause(&mut self, to: &ConnectionHandle) {
        self.command_to(to.id(), Command::Pause { id: to.id() });
    }

    /// Goes on reading from a connection.
    pub fn resume(&mut self, to: &ConnectionHandle) {
        self.command_to(to.id(), Command::Resume { id: to.id() });
    }

    /// Accepts a client whose `Event::Handshake` waits for a decision.
    pub fn accept(&mut self, id: ConnectionId, accept: Accept) {
        self.command_to(id, Command::Accept { id, accept: Box::new(accept) });
    }

    /// Refuses a client whose `Event::Handshake` waits for a decision.
    pub fn reject(&mut self, id: ConnectionId, reject: Reject) {
        self.command_to(id, Command::Reject { id, reject: Box::new(reject) });
    }

    /// The most bytes that the body and the headers of an HTTP response may have together.
    pub fn max_response_size(&self) -> usize {
        self.hub.limits.send_buffer.min(self.send_budget.saturating_sub(HEAD))
    }

    /// Answers a plain request. A response that is [too large](Self::max_response_size) is an error, and the client
    /// gets status 500.
    pub fn respond(&mut self, id: ConnectionId, mut response: Respond) -> Result<(), ResponseTooBig> {
        let (whole, limit) = (response.size(), self.max_response_size());
        let fits = whole <= limit;
        if !fits {
            response = Respond { status: 500, ..Respond::default() };
        }
        self.command_to(id, Command::Respond { id, response: Box::new(response) });
        if fits { Ok(()) } else { Err(ResponseTooBig { response: whole, limit }) }
    }

    fn is_secondary(&self) -> bool {
        self.shards.iter().any(|route| route.commands.is_secondary())
    }

    /// Holds presence changes if this is the consumer's publisher: changes by a callback are announced when it returns.
    fn hold_presence(&self) {
        if !self.is_secondary() {
            self.presence.hold();
        }
    }

    /// Decides whether a message is compressed: the caller's choice, or else text from a threshold on. Most binary
    /// payloads are compressed already.
    fn is_worth_compressing(&self, message: Outgoing<'_>) -> bool {
        self.hub.compression.as_ref().is_some_and(|compression| {
            let rule = !message.binary && message.payload.len() >= compression.threshold;
            message.compress.unwrap_or(rule)
        })
    }

    fn check_size(&self, payload: &[u8]) -> Result<(), PayloadTooBig> {
        let limit = self.send_budget;
        if encoded_len(payload.len()) + FRAME_COST > limit {
            return Err(PayloadTooBig { payload: payload.len(), limit });
        }
        Ok(())
    }

    fn command_all(&mut self, command: impl Fn() -> Command) {
        for shard in 0..self.shards.len() {
            self.throttle(shard);
            self.command(shard, command());
        }
    }

    fn command_to(&mut self, id: ConnectionId, command: Command) {
        self.throttle(id.shard());
        self.command(id.shard(), command);
    }

    pub(super) fn command(&mut self, shard: usize, command: Command) {
        let batching = self.batching;
        let Some(route) = self.shards.get_mut(shard) else { return };
        route.commands.push(command);
        if !batching {
            route.commands.flush();
        } else if !std::mem::replace(&mut route.commanded, true) {
            route.commands.wake_early();
        }
    }

    /// Waits while more bytes are on their way to a shard than all its outboxes may hold.
    fn throttle(&mut self, shard: usize) {
        if let Some(route) = self.shards.get(shard).filter(|_| self.may_wait) {
            route.commands.wait_for_room(self.send_budget);
        }
    }
}

fn sorted(ids: &[ConnectionId]) -> Arc<[ConnectionId]> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids.into()
}

/// Bytes of a response's status line and of the headers that the server adds.
pub(super) const HEAD: usize = 1 << 10;
