//! The two ends of the port as an application sees them. The server may be in this process ([`Publisher`],
//! [`Consumer`]), or in a front for which this process is a worker ([`remote`](super::remote)).

use std::{
    borrow::Cow,
    fmt::Debug,
    io,
    os::fd::OwnedFd,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::signal::SigSet;

use super::{
    consumer::{Consumer, Stopping, Waited},
    delivery::{Connected, Connections, Receipt},
    outgoing::{Outgoing, PayloadTooBig, ResponseTooBig, SendResult},
    publisher::Publisher,
};
use crate::{
    hub::{Announced, AttributeError, Audience, ConnectionHandle, Interests, Presence, TagError, TopicError},
    queue::{Accept, ConnectionId, Reject, Respond, TagValue},
};

/// Sends to the connections of a server, and answers questions about them: see [`Publisher`].
///
/// In a worker, questions are asked of the front. One that is not answered within a second has an empty answer, and
/// [`take_unanswered`](Self::take_unanswered) is true afterwards. `counted` is false if the caller does not need the
/// number of recipients.
pub trait Publish: Debug {
    /// See [`Publisher::send`].
    fn send(&mut self, to: &ConnectionHandle, message: Outgoing<'_>) -> Result<SendResult, PayloadTooBig>;
    /// See [`Publisher::broadcast`].
    fn broadcast(
        &mut self,
        message: Outgoing<'_>,
        except: &[ConnectionId],
        counted: bool,
    ) -> Result<usize, PayloadTooBig>;
    /// See [`Publisher::publish`].
    fn publish(
        &mut self,
        topic: &str,
        message: Outgoing<'_>,
        except: &[ConnectionId],
        counted: bool,
    ) -> Result<usize, PayloadTooBig>;
    /// See [`Publisher::send_to`].
    fn send_to(
        &mut self,
        audience: &Audience,
        message: Outgoing<'_>,
        counted: bool,
    ) -> Result<usize, PayloadTooBig>;
    /// See [`Publisher::subscribe`].
    fn subscribe(&mut self, to: &ConnectionHandle, topics: &[&str]) -> Result<(), TopicError>;
    /// See [`Publisher::unsubscribe`].
    fn unsubscribe(&mut self, from: &ConnectionHandle, topics: &[&str]);
    /// See [`Publisher::tag`].
    fn tag(&mut self, to: &ConnectionHandle, tags: &[(&str, TagValue)]) -> Result<(), TagError>;
    /// See [`Publisher::untag`].
    fn untag(&mut self, from: &ConnectionHandle, names: &[&str]);
    /// See [`Publisher::close`].
    fn close(&mut self, to: &ConnectionHandle, code: u16, reason: &str);
    /// See [`Publisher::pause`].
    fn pause(&mut self, to: &ConnectionHandle);
    /// See [`Publisher::resume`].
    fn resume(&mut self, to: &ConnectionHandle);
    /// See [`Publisher::accept`].
    fn accept(&mut self, id: ConnectionId, accept: Accept);
    /// See [`Publisher::reject`].
    fn reject(&mut self, id: ConnectionId, reject: Reject);
    /// See [`Publisher::respond`].
    fn respond(&mut self, id: ConnectionId, response: Respond) -> Result<(), ResponseTooBig>;
    /// See [`Publisher::max_response_size`].
    fn max_response_size(&self) -> usize;
    /// See [`Publisher::max_topics`].
    fn max_topics(&self) -> usize;
    /// See [`Publisher::max_tags`].
    fn max_tags(&self) -> usize;
    /// See [`Publisher::connection`].
    fn connection(&mut self, id: ConnectionId) -> Option<Arc<ConnectionHandle>>;
    /// See [`Publisher::connections`].
    fn connections(&mut self, audience: &Audience) -> Vec<ConnectionId>;
    /// See [`Publisher::count`].
    fn count(&mut self) -> usize;
    /// The topics of a connection, in the order of subscription.
    fn topics_of(&mut self, connection: &ConnectionHandle) -> Vec<Arc<str>>;
    /// True if a connection subscribes to the topic.
    fn is_subscribed(&mut self, connection: &ConnectionHandle, topic: &str) -> bool;
    /// The tags of a connection, in the order in which they were added.
    fn tags_of(&mut self, connection: &ConnectionHandle) -> Vec<(Arc<str>, TagValue)>;
    /// See [`Publisher::attribute`].
    fn attribute(&self, of: &ConnectionHandle, key: &str) -> Option<Box<[u8]>>;
    /// See [`Publisher::set_attribute`].
    fn set_attribute(&mut self, of: &ConnectionHandle, key: &str, value: &[u8])
    -> Result<(), AttributeError>;
    /// See [`Publisher::unset_attribute`].
    fn unset_attribute(&mut self, of: &ConnectionHandle, key: &str);
    /// Name and value of every figure of the server.
    fn figures(&mut self) -> Vec<(Cow<'static, str>, i64)>;
    /// True if a question was not answered since the last call.
    fn take_unanswered(&mut self) -> bool;
}

/// Takes the events of a server: see [`Consumer`].
pub trait Consume<T>: Debug {
    /// See [`Consumer::begin_batch`].
    fn begin_batch(&self);
    /// See [`Consumer::end_batch`].
    fn end_batch(&self);
    /// See [`Consumer::close_receipt`].
    fn close_receipt(&self, connection: &Rc<Connected<T>>) -> Receipt<T>;
    /// See [`Consumer::connections`].
    fn connections(&self) -> &Connections<T>;
    /// See [`Consumer::set_interests`].
    fn set_interests(&self, interests: Interests);
    /// See [`Consumer::announce`].
    fn announce(&self, announced: Announced);
    /// See [`Consumer::presence`].
    fn presence(&self, topic: &str) -> Presence;
    /// See [`Consumer::announce_due`].
    fn announce_due(&self);
    /// See [`Consumer::announce_all`].
    fn announce_all(&self);
    /// See [`Consumer::has_events`].
    fn has_events(&self) -> bool;
    /// See [`Consumer::wait`].
    fn wait(&mut self, until: Option<Instant>, unblocked: Option<SigSet>) -> Waited;
    /// See [`Consumer::serve_once`].
    fn serve_once(&mut self);
    /// See [`Consumer::stop`].
    fn stop(&mut self, grace: Duration);
    /// Ends this process's part: the server, or only this worker of it.
    fn retire(&mut self, grace: Duration);
    /// See [`Consumer::stopping`].
    fn stopping(&self) -> Option<Stopping>;
    /// See [`Consumer::is_over`].
    fn is_over(&self) -> bool;
    /// True in a worker that gets no further event, while the server goes on.
    fn is_retired(&self) -> bool;
    /// See [`Consumer::is_overdue`].
    fn is_overdue(&self) -> bool;
    /// See [`Consumer::watch`].
    fn watch(&self) -> io::Result<OwnedFd>;
    /// See [`Consumer::arm`].
    fn arm(&mut self, ready: bool, due: Option<Instant>);
    /// See [`Consumer::disarm`].
    fn disarm(&self);
    /// The worker that this process is; `None` if the server is in this process.
    fn worker(&self) -> Option<WorkerStatus>;
    /// Starts a new generation of workers. False if there are none.
    fn reload(&self) -> bool;
    /// The application serves: its start is over.
    fn ready(&self);
    /// The callback of a timer begins (true) or is over (false).
    fn show_timer(&self, runs: bool);
    /// The application has released all connections, for another worker.
    fn detached(&self);
    /// The application ends; `error` is the fatal error that it ends with, and `culprit` the connection of the event that
    /// caused it.
    fn leave(&self, error: Option<&str>, culprit: Option<ConnectionId>);
}

/// A worker, as it knows itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its number, from 0.
    pub index: usize,
    /// The number of workers.
    pub workers: usize,
    /// The number of its generation, from 1.
    pub generation: u64,
    /// True if it is the leader, in which repeated timers run.
    pub is_leader: bool,
}

impl Publish for Publisher {
    fn send(&mut self, to: &ConnectionHandle, message: Outgoing<'_>) -> Result<SendResult, PayloadTooBig> {
        self.send(to, message)
    }
    fn broadcast(
        &mut self,
        message: Outgoing<'_>,
        except: &[ConnectionId],
        _counted: bool,
    ) -> Result<usize, PayloadTooBig> {
        self.broadcast(message, except)
    }
    fn publish(
        &mut self,
        topic: &str,
        message: Outgoing<'_>,
        except: &[ConnectionId],
        _counted: bool,
    ) -> Result<usize, PayloadTooBig> {
        self.publish(topic, message, except)
    }
    fn send_to(
        &mut self,
        audience: &Audience,
        message: Outgoing<'_>,
        _counted: bool,
    ) -> Result<usize, PayloadTooBig> {
        self.send_to(audience, message)
    }
    fn subscribe(&mut self, to: &ConnectionHandle, topics: &[&str]) -> Result<(), TopicError> {
        self.subscribe(to, topics)
    }
    fn unsubscribe(&mut self, from: &ConnectionHandle, topics: &[&str]) {
        self.unsubscribe(from, topics);
    }
    fn tag(&mut self, to: &ConnectionHandle, tags: &[(&str, TagValue)]) -> Result<(), TagError> {
        Publisher::tag(self, to, tags)
    }
    fn untag(&mut self, from: &ConnectionHandle, names: &[&str]) {
        Publisher::untag(self, from, names);
    }
    fn close(&mut self, to: &ConnectionHandle, code: u16, reason: &str) {
        self.close(to, code, reason);
    }
    fn pause(&mut self, to: &ConnectionHandle) {
        self.pause(to);
    }
    fn resume(&mut self, to: &ConnectionHandle) {
        self.resume(to);
    }
    fn accept(&mut self, id: ConnectionId, accept: Accept) {
        self.accept(id, accept);
    }
    fn reject(&mut self, id: ConnectionId, reject: Reject) {
        self.reject(id, reject);
    }
    fn respond(&mut self, id: ConnectionId, response: Respond) -> Result<(), ResponseTooBig> {
        self.respond(id, response)
    }
    fn max_response_size(&self) -> usize {
        self.max_response_size()
    }
    fn max_topics(&self) -> usize {
        self.max_topics()
    }
    fn max_tags(&self) -> usize {
        self.max_tags()
    }
    fn connection(&mut self, id: ConnectionId) -> Option<Arc<ConnectionHandle>> {
        Publisher::connection(self, id)
    }
    fn connections(&mut self, audience: &Audience) -> Vec<ConnectionId> {
        Publisher::connections(self, audience)
    }
    fn count(&mut self) -> usize {
        Publisher::count(self)
    }
    fn topics_of(&mut self, connection: &ConnectionHandle) -> Vec<Arc<str>> {
        connection.topics()
    }
    fn is_subscribed(&mut self, connection: &ConnectionHandle, topic: &str) -> bool {
        connection.is_subscribed(topic)
    }
    fn tags_of(&mut self, connection: &ConnectionHandle) -> Vec<(Arc<str>, TagValue)> {
        connection.tags()
    }
    fn attribute(&self, of: &ConnectionHandle, key: &str) -> Option<Box<[u8]>> {
        self.attribute(of, key)
    }
    fn set_attribute(
        &mut self,
        of: &ConnectionHandle,
        key: &str,
        value: &[u8],
    ) -> Result<(), AttributeError> {
        Publisher::set_attribute(self, of, key, value)
    }
    fn unset_attribute(&mut self, of: &ConnectionHandle, key: &str) {
        Publisher::unset_attribute(self, of, key);
    }
    fn figures(&mut self) -> Vec<(Cow<'static, str>, i64)> {
        Publisher::figures(self).into_iter().map(|figure| (figure.name.into(), figure.value)).collect()
    }
    fn take_unanswered(&mut self) -> bool {
        false
    }
}

impl<T: Default + Debug + 'static> Consume<T> for Consumer<T> {
    fn begin_batch(&self) {
        self.begin_batch();
    }
    fn end_batch(&self) {
        self.end_batch();
    }
    fn close_receipt(&self, connection: &Rc<Connected<T>>) -> Receipt<T> {
        self.close_receipt(connection)
    }
    fn connections(&self) -> &Connections<T> {
        self.connections()
    }
    fn set_interests(&self, interests: Interests) {
        self.set_interests(interests);
    }
    fn announce(&self, announced: Announced) {
        self.announce(announced);
    }
    fn presence(&self, topic: &str) -> Presence {
        self.presence(topic)
    }
    fn announce_due(&self) {
        self.announce_due();
    }
    fn announce_all(&self) {
        self.announce_all();
    }
    fn has_events(&self) -> bool {
        self.has_events()
    }
    fn wait(&mut self, until: Option<Instant>, unblocked: Option<SigSet>) -> Waited {
        self.wait(until, unblocked)
    }
    fn serve_once(&mut self) {
        self.serve_once();
    }
    fn stop(&mut self, grace: Duration) {
        self.stop(grace);
    }
    fn retire(&mut self, grace: Duration) {
        self.stop(grace);
    }
    fn stopping(&self) -> Option<Stopping> {
        self.stopping()
    }
    fn is_over(&self) -> bool {
        self.is_over()
    }
    fn is_retired(&self) -> bool {
        false
    }
    fn is_overdue(&self) -> bool {
        self.is_overdue()
    }
    fn watch(&self) -> io::Result<OwnedFd> {
        self.watch()
    }
    fn arm(&mut self, ready: bool, due: Option<Instant>) {
        self.arm(ready, due);
    }
    fn disarm(&self) {
        self.disarm();
    }
    fn worker(&self) -> Option<WorkerStatus> {
        None
    }
    fn reload(&self) -> bool {
        false
    }
    fn ready(&self) {}
    fn show_timer(&self, _runs: bool) {}
    fn detached(&self) {}
    fn leave(&self, _error: Option<&str>, _culprit: Option<ConnectionId>) {}
}
