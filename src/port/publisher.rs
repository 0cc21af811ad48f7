//! Sending, from one thread.

use std::sync::Arc;

use super::Announcer;
use crate::{
    config::{Limits, SlowConsumer},
    connection::{FRAME_COST, Framer, Reserved},
    frame::encoded_len,
    hub::{Audience, ConnectionHandle, Hub, Presence, TagError, TopicError},
    metrics::Figure,
    queue::{Accept, Command, CommandSender, ConnectionId, Reject, Respond, TagValue},
};

/// Sends to the connections, and answers questions about them. Its commands reach each connection in the order in which
/// they were sent, and those of another publisher that were sent later come later.
///
/// Nothing here waits for the network. Between [`begin_batch`](Self::begin_batch) and [`end_batch`](Self::end_batch)
/// each shard is woken once, at the end; a shard that is awake, or dozes because the consumer is at work, takes the
/// commands without that.
#[derive(Debug)]
pub struct Publisher {
    hub: Arc<Hub>,
    announcer: Arc<Announcer>,
    shards: Vec<Route>,
    /// Bytes that may wait for the clients of one shard.
    send_budget: usize,
    batching: bool,
    /// False if the thread may not wait until a shard has taken its commands.
    patient: bool,
    framer: Framer,
}

#[derive(Debug)]
struct Route {
    commands: CommandSender,
    /// True if the batch has sent something to this shard.
    touched: bool,
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
    /// A publisher that reaches the shards through `commands`, one for each, in order.
    pub(super) fn new(hub: Arc<Hub>, announcer: Arc<Announcer>, commands: Vec<CommandSender>) -> Self {
        let send_budget = hub.limits.total_send_buffer / commands.len().max(1);
        let shards = commands.into_iter().map(|commands| Route { commands, touched: false }).collect();
        Self {
            hub,
            announcer,
            shards,
            send_budget,
            batching: false,
            patient: true,
            framer: Framer::default(),
        }
    }

    /// The same for a thread that may not wait until a shard has taken its commands, such as a shard's. It must ask
    /// [`is_held_up`](Self::is_held_up) before it sends.
    pub(super) fn impatient(self) -> Self {
        Self { patient: false, ..self }
    }

    /// The hub whose connections it sends to.
    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// The number of shards.
    pub(super) fn shards(&self) -> usize {
        self.shards.len()
    }

    /// True if the thread may not wait, and a shard is so far behind with its commands that it would have to.
    pub fn is_held_up(&self) -> bool {
        !self.patient && self.shards.iter().any(|route| route.commands.is_over(self.send_budget))
    }

    /// Defers the wakes of shards to [`end_batch`](Self::end_batch).
    pub fn begin_batch(&mut self) {
        self.batching = true;
    }

    /// Ends a batch: one wake for each resting shard that has got a command.
    pub fn end_batch(&mut self) {
        self.batching = false;
        for route in &mut self.shards {
            if std::mem::take(&mut route.touched) {
                route.commands.flush();
            }
        }
    }

    /// Calls `send` unless the server ends; `None` if it does. For every publisher but the consumer's: so its commands
    /// are in the queues before the order to end, and none is accepted that would not be carried out.
    pub fn unless_stopping<R>(&mut self, send: impl FnOnce(&mut Self) -> R) -> Option<R> {
        let hub = self.hub.clone();
        hub.unless_stopping(|| send(self))
    }

    /// True if the server ends.
    pub fn is_stopping(&self) -> bool {
        self.hub.is_stopping()
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
            && let Some(route) = self.shards.get(shard)
        {
            // Enough waits to be worth a wake in the middle of a batch: the shard writes while the callback goes on,
            // instead of finding the outbox full.
            route.commands.wake_now();
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
        let excepted = except.iter().filter(|id| self.connection(**id).is_some_and(|m| m.is_open())).count();
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
            except.iter().filter(|id| self.connection(**id).is_some_and(|m| m.is_subscribed(&topic))).count();
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
        self.hold_presence();
        let topics = self.hub.subscribe(to, topics)?;
        if !topics.is_empty() {
            self.order(to.id(), Command::Subscribe { id: to.id(), topics });
        }
        Ok(())
    }

    /// Takes topics from a connection.
    pub fn unsubscribe(&mut self, from: &ConnectionHandle, topics: &[&str]) {
        self.hold_presence();
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
            // The client's messages may still have to reach a consumer that has not ordered this.
            let gone = self.is_secondary();
            self.hold_presence();
            self.hub.depart(to, gone);
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
        self.hub.limits.send_buffer.min(self.send_budget.saturating_sub(HEAD))
    }

    /// Answers a plain request. A response that [is too large](Self::most_of_response) becomes 500, and an error.
    pub fn respond(&mut self, id: ConnectionId, mut response: Respond) -> Result<(), ResponseTooBig> {
        let (whole, limit) = (response.size(), self.most_of_response());
        let fits = whole <= limit;
        if !fits {
            response = Respond { status: 500, ..Respond::default() };
        }
        self.order(id, Command::Respond { id, response: Box::new(response) });
        if fits { Ok(()) } else { Err(ResponseTooBig { response: whole, limit }) }
    }

    /// The open connection of that id, or one whose end the consumer has not seen.
    pub fn connection(&self, id: ConnectionId) -> Option<Arc<ConnectionHandle>> {
        self.hub.registry.get(id)
    }

    /// The open connections of an audience, each once.
    pub fn connections(&self, audience: &Audience) -> Vec<ConnectionId> {
        self.hub.select(audience)
    }

    /// The number of open connections.
    pub fn count(&self) -> usize {
        self.hub.open_connections()
    }

    /// The first `most` topics in the order of their bytes that begin with `prefix` and come after `after`, and the
    /// number of subscribers of each.
    pub fn topics(&self, prefix: &str, after: Option<&str>, most: usize) -> Vec<(Arc<str>, usize)> {
        self.hub.directory.topics_from(prefix, after, most)
    }

    /// The users of a topic. Costs as much as the topic has subscribers.
    pub fn presence(&self, topic: &str) -> Presence {
        self.hub.presence(topic)
    }

    /// Every figure of the server.
    pub fn figures(&self) -> Vec<Figure> {
        self.hub.figures()
    }

    /// Bytes that a message from a client may have.
    pub fn max_message_size(&self) -> usize {
        self.hub.limits.max_message_size
    }

    /// Topics that a connection may have.
    pub fn max_topics(&self) -> usize {
        self.hub.limits.max_topics
    }

    /// Tags that a connection may have.
    pub fn max_tags(&self) -> usize {
        self.hub.limits.max_tags
    }

    fn is_secondary(&self) -> bool {
        self.shards.iter().any(|route| route.commands.is_secondary())
    }

    /// A callback that changes topics has its changes announced when it returns.
    fn hold_presence(&self) {
        if !self.is_secondary() {
            self.announcer.hold();
        }
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
        let limit = self.send_budget;
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

    pub(super) fn command(&mut self, shard: usize, command: Command) {
        let batching = self.batching;
        let Some(route) = self.shards.get_mut(shard) else { return };
        route.commands.push(command);
        if !batching {
            route.commands.flush();
        } else if !std::mem::replace(&mut route.touched, true) {
            route.commands.wake_early();
        }
    }

    /// Waits while more is on its way to a shard than all outboxes may hold.
    fn throttle(&mut self, shard: usize) {
        if let Some(route) = self.shards.get(shard).filter(|_| self.patient) {
            route.commands.wait_for_room(self.send_budget);
        }
    }
}

/// The figures of a server that has not run.
pub fn no_figures() -> Vec<Figure> {
    Hub::new(0, Limits::default(), None).figures()
}

fn sorted(ids: &[ConnectionId]) -> Arc<[ConnectionId]> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    ids.into()
}

/// What a response has beside its body and the headers that it is given.
const HEAD: usize = 1 << 10;
