//! Records of workers: the commands and questions of their scripts.
//!
//! A worker may be broken, or not be what it should be: a record that breaks a rule costs the worker. The rules are
//! those that PHP's methods hold for every argument.

use std::time::Duration;

use super::{deaths::PROTOCOL, item::Item, run::Front, worker::Worker};
use crate::{
    frame::{MAX_REASON, may_be_sent_by_peer},
    http::check_header,
    port::{
        self, Accept, ConnectionHandle, ConnectionId, Event, LogLevel, Outgoing, PayloadTooBig, Publisher,
        SendResult, headers_size,
    },
    wire::{self, Answer, BadRecord, Command, Kind, Question, SendFlags},
};

impl Front {
    /// Reads what a worker has sent, and settles the events that it has finished. False if there was nothing.
    pub(super) fn hear(&mut self, key: u64) -> bool {
        match self.read(key) {
            Ok(busy) => busy,
            Err(error) => {
                let Some(worker) = self.worker_mut(key) else { return false };
                worker.is_broken = true;
                worker.kill(PROTOCOL);
                let index = worker.index.to_string();
                let context = [("worker", &*index), ("reason", error.0)];
                self.say(LogLevel::Error, "a worker has sent rubbish and is ended", context);
                false
            }
        }
    }

    fn read(&mut self, key: u64) -> Result<bool, BadRecord> {
        let Some(lane) = self.worker_mut(key).and_then(Worker::readable_lane) else { return Ok(false) };
        // First the number: what was sent before an event was finished can be seen then.
        let done = lane.done()?;
        let (end, _) = lane.duplex.ends();
        let mut record = std::mem::take(&mut self.record);
        let mut busy = false;
        let mut result = Ok(());
        for _ in 0..AT_ONCE {
            let Some(lane) = self.worker_mut(key).and_then(|worker| worker.lane.as_mut()) else { break };
            let word = match lane.duplex.read(&mut record) {
                Ok(Some(word)) => lane.assembler.take(word, &mut record),
                Ok(None) => break,
                Err(error) => Err(error.into()),
            };
            busy = true;
            result = match word {
                Ok(Some(word)) => self.obey(key, word, &record),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if result.is_err() {
                break;
            }
        }
        self.record = record;
        result?;
        let Some(lane) = self.worker_mut(key).and_then(|worker| worker.lane.as_mut()) else {
            return Ok(busy);
        };
        if lane.duplex.release() {
            lane.wake();
        }
        // With records left, those of the finished events may be among them.
        if lane.duplex.ends().1 < end {
            return Ok(true);
        }
        while let Some(item) = self
            .worker_mut(key)
            .and_then(|worker| worker.lane.as_mut())
            .and_then(|lane| lane.next_finished(done))
        {
            self.settle(item);
            busy = true;
        }
        Ok(busy)
    }

    fn obey(&mut self, key: u64, word: u32, record: &[u8]) -> Result<(), BadRecord> {
        match Kind::of(word) {
            Some(Kind::Send) => self.send(SendFlags::of(word), record),
            Some(Kind::Command) => self.carry_out(key, postcard::from_bytes(record)?),
            _ => Err(BadRecord("a record that is not for the front")),
        }
    }

    /// Sends a message to one connection.
    #[inline]
    fn send(&mut self, flags: SendFlags, record: &[u8]) -> Result<(), BadRecord> {
        let (id, payload) = wire::split_id(record)?;
        let message = outgoing(payload, flags.binary, flags.compress)?;
        let client = self.consumer.connections().get(id);
        let mut publisher = self.publisher.borrow_mut();
        if flags.full {
            if let Some(client) = &client {
                publisher.refuse_slow(client.handle());
            }
            return Ok(());
        }
        let sent = match &client {
            Some(client) => publisher.send(client.handle(), message),
            None => match publisher.connection(id) {
                Some(handle) => publisher.send(&handle, message),
                None => return Ok(()),
            },
        };
        drop(publisher);
        let result = fitting(sent)?;
        // The script waits to hear that the client is no longer behind, and nobody else will say so.
        if flags.told
            && result == SendResult::Queued
            && let Some(client) = client
        {
            self.route(Item::made(Event::Drain { id }, client));
        }
        Ok(())
    }

    fn carry_out(&mut self, key: u64, command: Command<'_>) -> Result<(), BadRecord> {
        match command {
            Command::Interests(interests) => {
                self.worker_mut(key).into_iter().for_each(|worker| worker.interests = interests);
                self.set_interests();
            }
            Command::Announce(announced) => self.consumer.announce(announced),
            Command::Finished(number) => {
                if let Some(lane) = self.worker_mut(key).and_then(|worker| worker.lane.as_mut()) {
                    lane.finish_early(number)?;
                }
            }
            Command::Ready => self.worker_ready(key),
            Command::Detached => self.worker_has_detached(key),
            Command::Stop(grace) => self.consumer.stop(grace.min(LONGEST_GRACE)),
            Command::Reload => self.reload(),
            Command::Retire => {
                self.replace(key);
            }
            Command::Leaving { error, culprit } => {
                if let Some(id) = culprit.filter(|_| error.is_some()) {
                    self.refuse(id, "");
                }
                self.worker_leaves(key, error);
            }
            Command::Ask(number, question) => {
                if let Question::Presence(_) = question {
                    self.hold_presence(key);
                }
                let answer = self.find_answer(question);
                self.answer(key, number, &answer);
            }
            Command::Reject(id, reject) => {
                check_response(reject.status, 300, &reject.headers)?;
                if reject.size() > self.publisher.borrow().max_response_size() {
                    return Err(BadRecord("a response that is too large"));
                }
                self.undecided.remove(&id);
                self.publisher.borrow_mut().reject(id, reject);
            }
            Command::Respond(id, response) => {
                check_response(response.status, 200, &response.headers)?;
                self.undecided.remove(&id);
                let _ = self.publisher.borrow_mut().respond(id, response);
            }
            other => return self.publish(key, other),
        }
        Ok(())
    }

    fn publish(&mut self, key: u64, command: Command<'_>) -> Result<(), BadRecord> {
        let shared = self.publisher.clone();
        let publisher = &mut *shared.borrow_mut();
        match command {
            Command::Broadcast { payload, binary, compress, except, asks } => {
                let count = fitting(publisher.broadcast(outgoing(payload, binary, compress)?, &except))?;
                self.answer_count(key, asks, count);
            }
            Command::Publish { topic, payload, binary, compress, except, asks } => {
                check_topic(topic)?;
                let count = fitting(publisher.publish(topic, outgoing(payload, binary, compress)?, &except))?;
                self.answer_count(key, asks, count);
            }
            Command::SendTo { audience, payload, binary, compress, asks } => {
                let count = fitting(publisher.send_to(&audience, outgoing(payload, binary, compress)?))?;
                self.answer_count(key, asks, count);
            }
            Command::Subscribe(id, topics) => {
                topics.iter().try_for_each(|topic| check_topic(topic))?;
                // Fails only if the control API has given it topics meanwhile; the script has checked all else.
                on(publisher, id, |publisher, connection| {
                    let _ = publisher.subscribe(connection, &topics);
                });
            }
            Command::Unsubscribe(id, topics) => {
                on(publisher, id, |publisher, connection| publisher.unsubscribe(connection, &topics));
            }
            Command::Tag(id, tags) => {
                let tags: Vec<_> = tags.iter().map(|(name, value)| (&**name, value.clone())).collect();
                on(publisher, id, |publisher, connection| {
                    let _ = publisher.tag(connection, &tags);
                });
            }
            Command::Untag(id, names) => {
                on(publisher, id, |publisher, connection| publisher.untag(connection, &names));
            }
            Command::Close(id, code, reason) => {
                if !may_be_sent_by_peer(code) || reason.len() > MAX_REASON {
                    return Err(BadRecord("a close code or reason that cannot be sent"));
                }
                on(publisher, id, |publisher, connection| publisher.close(connection, code, reason));
            }
            Command::SetAttribute(id, key, value) => {
                if let Some(client) = self.consumer.connections().get(id) {
                    let set = publisher.set_attribute(client.handle(), key, value);
                    set.map_err(|_| BadRecord("an attribute that a connection cannot have"))?;
                }
            }
            Command::UnsetAttribute(id, key) => {
                if let Some(client) = self.consumer.connections().get(id) {
                    publisher.unset_attribute(client.handle(), key);
                }
            }
            Command::Pause(id) => on(publisher, id, Publisher::pause),
            Command::Resume(id) => on(publisher, id, Publisher::resume),
            Command::Accept(id, accept) => {
                check_accept(&accept, publisher.max_response_size())?;
                publisher.accept(id, accept);
            }
            // The others do not publish.
            _ => return Err(BadRecord("a command of no known kind")),
        }
        Ok(())
    }

    fn find_answer(&mut self, question: Question<'_>) -> Answer {
        if let Question::Presence(topic) = question {
            let presence = self.consumer.presence(topic);
            return Answer::Presence(presence.users, presence.connections);
        }
        let publisher = self.publisher.borrow();
        let number = |number: usize| Answer::Number(number as u64);
        match question {
            Question::Count => number(publisher.count()),
            Question::Connections(audience) => Answer::Connections(publisher.connections(&audience)),
            Question::Topics(id) => {
                Answer::Topics(publisher.connection(id).map_or_else(Vec::new, |c| c.topics()))
            }
            Question::Tags(id) => Answer::Tags(publisher.connection(id).map_or_else(Vec::new, |c| c.tags())),
            Question::IsOpen(id) => number(publisher.connection(id).is_some_and(|c| c.is_open()).into()),
            Question::Figures | Question::Presence(_) => {
                let figures =
                    publisher.figures().into_iter().map(|figure| (figure.name.to_owned(), figure.value));
                Answer::Figures(figures.collect())
            }
        }
    }

    fn answer_count(&mut self, key: u64, asks: Option<u64>, count: usize) {
        if let Some(number) = asks {
            self.answer(key, number, &Answer::Number(count as u64));
        }
    }

    fn answer(&mut self, key: u64, number: u64, answer: &Answer) {
        let lane = self.worker_mut(key).and_then(|worker| worker.lane.as_mut());
        if let (Some(lane), Ok(bytes)) = (lane, postcard::to_allocvec(&(number, answer))) {
            lane.answer(bytes);
        }
    }
}

/// Calls `what` with the connection of that id, if there is one.
fn on<R>(
    publisher: &mut Publisher,
    id: ConnectionId,
    what: impl FnOnce(&mut Publisher, &ConnectionHandle) -> R,
) {
    if let Some(connection) = publisher.connection(id) {
        what(publisher, &connection);
    }
}

/// A message as the publisher takes it. Text has to be UTF-8.
#[inline]
fn outgoing(payload: &[u8], binary: bool, compress: Option<bool>) -> Result<Outgoing<'_>, BadRecord> {
    if !binary && simdutf8::basic::from_utf8(payload).is_err() {
        return Err(BadRecord("a text that is not UTF-8"));
    }
    Ok(Outgoing { payload, binary, compress })
}

/// The worker has checked the size.
fn fitting<R>(sent: Result<R, PayloadTooBig>) -> Result<R, BadRecord> {
    sent.map_err(|_| BadRecord("a message that is too large"))
}

fn check_topic(topic: &str) -> Result<(), BadRecord> {
    port::check_topic(topic).map_err(|_| BadRecord("a topic with a name that it cannot have"))
}

fn check_accept(accept: &Accept, most: usize) -> Result<(), BadRecord> {
    if headers_size(&accept.headers) > most {
        return Err(BadRecord("headers that are too large"));
    }
    accept.topics.iter().try_for_each(|topic| check_topic(topic))?;
    let are_tags = accept.tags.iter().all(|(name, value)| port::check_tag(name, value).is_ok());
    if !are_tags {
        return Err(BadRecord("a tag that cannot be"));
    }
    let is_token = |protocol: &String| protocol.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',');
    if !accept.protocol.as_ref().is_none_or(is_token) {
        return Err(BadRecord("a subprotocol that cannot be"));
    }
    check_headers(&accept.headers)
}

fn check_response(status: u16, lowest: u16, headers: &[(String, Vec<u8>)]) -> Result<(), BadRecord> {
    if !(lowest..600).contains(&status) {
        return Err(BadRecord("a status that cannot be"));
    }
    check_headers(headers)
}

fn check_headers(headers: &[(String, Vec<u8>)]) -> Result<(), BadRecord> {
    let all = headers.iter().all(|(name, value)| check_header(name, value).is_ok());
    if all { Ok(()) } else { Err(BadRecord("a header that cannot be sent")) }
}

/// Records of one worker in a turn.
const AT_ONCE: usize = 512;
/// The longest time for a stop.
const LONGEST_GRACE: Duration = Duration::from_secs(24 * 3600);
