//! A worker's publisher: every call becomes a record for the front.

use std::{borrow::Cow, rc::Rc, sync::Arc};

use super::link::Link;
use crate::{
    config::{Limits, SlowConsumer},
    connection::{FRAME_COST, Reserved, SendGauge},
    frame::encoded_len,
    hub::{AttributeError, Audience, ConnectionHandle, TagError, TopicError, check_tag, check_topic},
    port::{Outgoing, PayloadTooBig, Publish, ResponseTooBig, SendResult, delivery::Ledger, publisher::HEAD},
    queue::{Accept, ConnectionId, Reject, Respond, TagValue},
    wire::{Answer, Command, Kind, Question, SendFlags, id_bytes},
};

/// Sends to the connections of the front.
#[derive(Debug)]
pub(super) struct RemotePublisher<T> {
    link: Rc<Link>,
    ledger: Rc<Ledger<T>>,
    limits: Limits,
    /// The bytes that may wait for the clients of one shard.
    send_budget: usize,
}

impl<T> RemotePublisher<T> {
    pub(super) fn new(link: Rc<Link>, ledger: Rc<Ledger<T>>, limits: Limits, shards: usize) -> Self {
        let send_budget = limits.total_send_buffer / shards.max(1);
        Self { link, ledger, limits, send_budget }
    }

    fn check_size(&self, payload: &[u8]) -> Result<(), PayloadTooBig> {
        let limit = self.send_budget;
        if encoded_len(payload.len()) + FRAME_COST > limit {
            return Err(PayloadTooBig { payload: payload.len(), limit });
        }
        Ok(())
    }

    /// Sends a command that is answered with a number, if that is wanted.
    fn counted<'a>(&self, counted: bool, command: impl FnOnce(Option<u64>) -> Command<'a>) -> usize {
        let asks = counted.then(|| self.link.next_question());
        self.link.command(&command(asks));
        match asks.and_then(|number| self.link.answer(number)) {
            Some(Answer::Number(number)) => usize::try_from(number).unwrap_or(usize::MAX),
            _ => 0,
        }
    }
}

impl<T: std::fmt::Debug> Publish for RemotePublisher<T> {
    fn send(&mut self, to: &ConnectionHandle, message: Outgoing<'_>) -> Result<SendResult, PayloadTooBig> {
        self.check_size(message.payload)?;
        let size = encoded_len(message.payload.len()) + FRAME_COST;
        let policy = self.limits.slow_consumer;
        let (end, read) = self.link.ends();
        let keep = policy == SlowConsumer::DropOldest;
        // A position within the record is enough: the front reads records whole.
        let expected = to.gauge().expect(size, self.limits.send_buffer, keep, end + 1, read);
        let result = match expected {
            Reserved::Ready => SendResult::Queued,
            Reserved::Congested => SendResult::Buffered,
            Reserved::Closed => return Ok(SendResult::Closed),
            // The front counts it, or closes the connection.
            Reserved::Full if policy == SlowConsumer::DropNewest => SendResult::Dropped,
            Reserved::Full => {
                to.gauge().close();
                SendResult::Closed
            }
        };
        let flags = SendFlags {
            binary: message.binary,
            compress: message.compress,
            told: result == SendResult::Buffered,
            full: matches!(result, SendResult::Dropped | SendResult::Closed),
        };
        let payload = if flags.full { &[] } else { message.payload };
        self.link.write(Kind::Send.with(flags.to_bits()), &[&id_bytes(to.id()), payload]);
        Ok(result)
    }

    fn broadcast(
        &mut self,
        message: Outgoing<'_>,
        except: &[ConnectionId],
        counted: bool,
    ) -> Result<usize, PayloadTooBig> {
        self.check_size(message.payload)?;
        let Outgoing { payload, binary, compress } = message;
        let except = except.to_vec();
        Ok(self.counted(counted, |asks| Command::Broadcast { payload, binary, compress, except, asks }))
    }

    fn publish(
        &mut self,
        topic: &str,
        message: Outgoing<'_>,
        except: &[ConnectionId],
        counted: bool,
    ) -> Result<usize, PayloadTooBig> {
        self.check_size(message.payload)?;
        let Outgoing { payload, binary, compress } = message;
        let except = except.to_vec();
        Ok(self.counted(counted, |asks| Command::Publish { topic, payload, binary, compress, except, asks }))
    }

    fn send_to(
        &mut self,
        audience: &Audience,
        message: Outgoing<'_>,
        counted: bool,
    ) -> Result<usize, PayloadTooBig> {
        self.check_size(message.payload)?;
        let Outgoing { payload, binary, compress } = message;
        let audience = audience.clone();
        Ok(self.counted(counted, |asks| Command::SendTo { audience, payload, binary, compress, asks }))
    }

    fn subscribe(&mut self, to: &ConnectionHandle, topics: &[&str]) -> Result<(), TopicError> {
        topics.iter().try_for_each(|topic| check_topic(topic))?;
        if !to.is_open() {
            return Ok(());
        }
        let limit = self.limits.max_topics;
        if !to.gauge().surely_has_room(topics.len(), limit, 0, 0) {
            let mut all = self.topics_of(to);
            for topic in topics {
                if !all.iter().any(|known| **known == **topic) {
                    all.push((*topic).into());
                }
            }
            if all.len() > limit {
                return Err(TopicError::TooMany { limit });
            }
            to.gauge().set_known(Some(all.len()), None);
        }
        self.link.command(&Command::Subscribe(to.id(), topics.to_vec()));
        Ok(())
    }

    fn unsubscribe(&mut self, from: &ConnectionHandle, topics: &[&str]) {
        self.link.command(&Command::Unsubscribe(from.id(), topics.to_vec()));
    }

    fn tag(&mut self, to: &ConnectionHandle, tags: &[(&str, TagValue)]) -> Result<(), TagError> {
        tags.iter().try_for_each(|(name, value)| check_tag(name, value))?;
        if !to.is_open() {
            return Ok(());
        }
        let limit = self.limits.max_tags;
        if !to.gauge().surely_has_room(0, 0, tags.len(), limit) {
            let mut all: Vec<Arc<str>> = self.tags_of(to).into_iter().map(|(name, _)| name).collect();
            for (tag, _) in tags {
                if !all.iter().any(|known| **known == **tag) {
                    all.push((*tag).into());
                }
            }
            if all.len() > limit {
                return Err(TagError::TooMany { limit });
            }
            to.gauge().set_known(None, Some(all.len()));
        }
        let tags = tags.iter().map(|(name, value)| ((*name).into(), value.clone())).collect();
        self.link.command(&Command::Tag(to.id(), tags));
        Ok(())
    }

    fn untag(&mut self, from: &ConnectionHandle, names: &[&str]) {
        self.link.command(&Command::Untag(from.id(), names.to_vec()));
    }

    fn close(&mut self, to: &ConnectionHandle, code: u16, reason: &str) {
        if to.gauge().close() {
            self.link.command(&Command::Close(to.id(), code, reason));
        }
    }

    fn pause(&mut self, to: &ConnectionHandle) {
        self.link.command(&Command::Pause(to.id()));
    }

    fn resume(&mut self, to: &ConnectionHandle) {
        self.link.command(&Command::Resume(to.id()));
    }

    fn accept(&mut self, id: ConnectionId, accept: Accept) {
        self.link.command(&Command::Accept(id, accept));
    }

    fn reject(&mut self, id: ConnectionId, reject: Reject) {
        self.link.command(&Command::Reject(id, reject));
    }

    fn respond(&mut self, id: ConnectionId, mut response: Respond) -> Result<(), ResponseTooBig> {
        let (whole, limit) = (response.size(), self.max_response_size());
        let fits = whole <= limit;
        if !fits {
            response = Respond { status: 500, ..Respond::default() };
        }
        self.link.command(&Command::Respond(id, response));
        if fits { Ok(()) } else { Err(ResponseTooBig { response: whole, limit }) }
    }

    fn max_response_size(&self) -> usize {
        self.limits.send_buffer.min(self.send_budget.saturating_sub(HEAD))
    }

    fn max_topics(&self) -> usize {
        self.limits.max_topics
    }

    fn max_tags(&self) -> usize {
        self.limits.max_tags
    }

    fn connection(&mut self, id: ConnectionId) -> Option<Arc<ConnectionHandle>> {
        if let Some(own) = self.ledger.connections.get(id) {
            return Some(own.handle().clone());
        }
        match self.link.ask(Question::IsOpen(id)) {
            Some(Answer::Number(1)) => {
                let gauge = SendGauge::seen(id, self.link.gauges.clone(), None);
                Some(Arc::new(ConnectionHandle::of_worker(gauge)))
            }
            _ => None,
        }
    }

    fn connections(&mut self, audience: &Audience) -> Vec<ConnectionId> {
        match self.link.ask(Question::Connections(audience.clone())) {
            Some(Answer::Connections(ids)) => ids,
            _ => Vec::new(),
        }
    }

    fn count(&mut self) -> usize {
        match self.link.ask(Question::Count) {
            Some(Answer::Number(number)) => usize::try_from(number).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    fn topics_of(&mut self, connection: &ConnectionHandle) -> Vec<Arc<str>> {
        match self.link.ask(Question::Topics(connection.id())) {
            Some(Answer::Topics(topics)) => topics,
            _ => Vec::new(),
        }
    }

    fn is_subscribed(&mut self, connection: &ConnectionHandle, topic: &str) -> bool {
        self.topics_of(connection).iter().any(|known| **known == *topic)
    }

    fn tags_of(&mut self, connection: &ConnectionHandle) -> Vec<(Arc<str>, TagValue)> {
        match self.link.ask(Question::Tags(connection.id())) {
            Some(Answer::Tags(tags)) => tags,
            _ => Vec::new(),
        }
    }

    /// Only this worker has the connection, so what it has set is all there is.
    fn attribute(&self, of: &ConnectionHandle, key: &str) -> Option<Box<[u8]>> {
        of.attribute(key)
    }

    fn set_attribute(
        &mut self,
        of: &ConnectionHandle,
        key: &str,
        value: &[u8],
    ) -> Result<(), AttributeError> {
        of.set_attribute(key, value)?;
        if of.takes_attributes() {
            self.link.command(&Command::SetAttribute(of.id(), key, value));
        }
        Ok(())
    }

    fn unset_attribute(&mut self, of: &ConnectionHandle, key: &str) {
        if of.takes_attributes() {
            of.unset_attribute(key);
            self.link.command(&Command::UnsetAttribute(of.id(), key));
        }
    }

    fn figures(&mut self) -> Vec<(Cow<'static, str>, i64)> {
        match self.link.ask(Question::Figures) {
            Some(Answer::Figures(figures)) => {
                figures.into_iter().map(|(name, value)| (Cow::Owned(name), value)).collect()
            }
            _ => Vec::new(),
        }
    }

    fn take_unanswered(&mut self) -> bool {
        self.link.unanswered.take()
    }
}
