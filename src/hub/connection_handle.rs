//! The handle of one connection, which any thread may use.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{
    Directory, TagError, TopicError,
    attributes::{AttributeError, Attributes},
    check_tag, check_topic,
};
use crate::{
    connection::SendGauge,
    http::Request,
    queue::{ConnectionId, TagValue},
};

/// A connection: its gauges, and its user, topics, tags and attributes.
#[derive(Debug)]
pub struct ConnectionHandle {
    gauge: Arc<SendGauge>,
    /// The [`Directory`] holds these properties too, and is changed while this is locked. Connections of many servers
    /// have none of them.
    properties: Mutex<Option<Box<Properties>>>,
}

/// The properties by which a connection can be found, its request and its attributes.
#[derive(Debug, Default)]
struct Properties {
    user: Option<Arc<str>>,
    topics: Vec<Arc<str>>,
    tags: Vec<(Arc<str>, TagValue)>,
    /// The client's request, if the consumer wants connections to keep it.
    request: Option<Arc<Request>>,
    /// Kept when the connection closes, for the last callback.
    attributes: Attributes,
}

impl ConnectionHandle {
    pub(super) fn new(gauge: Arc<SendGauge>, request: Option<Box<Request>>) -> Self {
        let kept = request
            .map(|request| Box::new(Properties { request: Some(request.into()), ..Properties::default() }));
        Self { gauge, properties: Mutex::new(kept) }
    }

    /// The handle of a front's connection in a worker: its user, topics and tags are the front's to tell.
    pub fn of_worker(gauge: SendGauge) -> Self {
        Self::new(Arc::new(gauge), None)
    }

    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.gauge.id()
    }

    /// The gauges of its sending and receiving.
    pub fn gauge(&self) -> &SendGauge {
        &self.gauge
    }

    /// True if messages can still be sent to it.
    pub fn is_open(&self) -> bool {
        self.gauge.is_open()
    }

    /// The bytes that wait for the client.
    pub fn buffered(&self) -> usize {
        self.gauge.buffered()
    }

    /// The client's handshake request, while the connection is open and if the consumer wants it kept
    /// (`Interests::kept_requests`): with it another consumer could take the connection over.
    pub fn request(&self) -> Option<Arc<Request>> {
        self.properties.lock().as_ref().and_then(|properties| properties.request.clone())
    }

    /// The round-trip time of its last answered ping.
    pub fn latency(&self) -> Option<Duration> {
        self.gauge.latency()
    }

    /// The user of the connection.
    pub fn user(&self) -> Option<Arc<str>> {
        self.properties.lock().as_ref().and_then(|properties| properties.user.clone())
    }

    /// The topics it subscribes to, in the order of subscription.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.properties.lock().as_ref().map_or_else(Vec::new, |properties| properties.topics.clone())
    }

    /// True if it subscribes to the topic.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.properties
            .lock()
            .as_ref()
            .is_some_and(|properties| properties.topics.iter().any(|t| **t == *topic))
    }

    /// Its tags, in the order in which they were added.
    pub fn tags(&self) -> Vec<(Arc<str>, TagValue)> {
        self.properties.lock().as_ref().map_or_else(Vec::new, |properties| properties.tags.clone())
    }

    /// The value of an attribute. After the connection has closed it is there until the consumer has finished with
    /// `Event::Close`.
    pub fn attribute(&self, key: &str) -> Option<Box<[u8]>> {
        self.properties.lock().as_ref().and_then(|properties| properties.attributes.get(key).map(Box::from))
    }

    /// Its attributes, in the order in which their keys came.
    pub fn attributes(&self) -> Vec<(Box<str>, Box<[u8]>)> {
        let properties = self.properties.lock();
        let attributes = properties.iter().flat_map(|properties| properties.attributes.iter());
        attributes
            .filter_map(|(key, value)| Some((std::str::from_utf8(key).ok()?.into(), value.into())))
            .collect()
    }

    /// True if its attributes can be changed: until the consumer knows that the connection is closed. A client may close
    /// before the consumer has come to its open event; attributes that are set there are read at the close.
    pub fn takes_attributes(&self) -> bool {
        !self.gauge.is_close_known()
    }

    /// Sets an attribute, while the connection [takes](Self::takes_attributes) them. With an error the former value
    /// stays.
    pub(crate) fn set_attribute(&self, key: &str, value: &[u8]) -> Result<(), AttributeError> {
        let mut properties = self.properties.lock();
        if !self.takes_attributes() {
            return Ok(());
        }
        properties.get_or_insert_default().attributes.set(key, value)
    }

    /// Removes an attribute, while the connection [takes](Self::takes_attributes) them.
    pub(crate) fn unset_attribute(&self, key: &str) {
        let mut properties = self.properties.lock();
        if let Some(properties) = properties.as_mut().filter(|_| self.takes_attributes()) {
            properties.attributes.unset(key);
        }
    }

    /// Takes no more changes of attributes: the consumer has come to `Event::Close`.
    pub(crate) fn keep_attributes(&self) {
        self.gauge.set_close_known();
    }

    /// Forgets the attributes: the consumer has finished with the connection.
    pub(crate) fn forget_attributes(&self) {
        self.gauge.set_close_known();
        if let Some(properties) = self.properties.lock().as_mut() {
            properties.attributes = Attributes::default();
        }
    }

    /// Sets the user. Called once, before the connection is in the registry.
    pub(super) fn set_user(&self, user: &str, directory: &Directory) {
        self.change(|properties| properties.user = Some(directory.add_user(self.id(), user)));
    }

    /// Adds topics: all of them or, with an error, none. Returns the new ones.
    pub(super) fn subscribe(
        &self,
        names: &[&str],
        directory: &Directory,
        limit: usize,
    ) -> Result<Vec<Arc<str>>, TopicError> {
        for name in names {
            check_topic(name)?;
        }
        let subscribed = self.change(|Properties { topics, .. }| {
            let mut new: Vec<&str> = Vec::new();
            for name in names {
                if !new.contains(name) && !topics.iter().any(|t| **t == **name) {
                    new.push(name);
                }
            }
            if topics.len() + new.len() > limit {
                return Err(TopicError::TooMany { limit });
            }
            let added: Vec<_> = new.into_iter().map(|name| directory.join(self.id(), name)).collect();
            topics.extend(added.iter().cloned());
            Ok(added)
        });
        subscribed.unwrap_or_else(|| Ok(Vec::new()))
    }

    /// Removes topics. Returns those that it had.
    pub(super) fn unsubscribe(&self, names: &[&str], directory: &Directory) -> Vec<Arc<str>> {
        let left = self.change(|Properties { topics, .. }| {
            let left: Vec<_> = topics.extract_if(.., |topic| names.contains(&&**topic)).collect();
            left.iter().for_each(|topic| directory.leave(self.id(), topic, false));
            left
        });
        left.unwrap_or_default()
    }

    /// Adds tags, replacing those of the same names: all of them or, with an error, none.
    pub(super) fn tag(
        &self,
        new: &[(&str, TagValue)],
        directory: &Directory,
        limit: usize,
    ) -> Result<(), TagError> {
        for (name, value) in new {
            check_tag(name, value)?;
        }
        let tagged = self.change(|Properties { tags, .. }| {
            let is_there = |name: &str, tags: &[(Arc<str>, TagValue)]| tags.iter().any(|(n, _)| **n == *name);
            let added = new.iter().enumerate().filter(|(index, (name, _))| {
                let again = new.iter().take(*index).any(|(earlier, _)| earlier == name);
                !again && !is_there(name, tags)
            });
            if tags.len() + added.count() > limit {
                return Err(TagError::TooMany { limit });
            }
            for (name, value) in new {
                if let Some((name, old)) = tags.iter_mut().find(|(n, _)| **n == **name) {
                    directory.tag(self.id(), name, Some(old), value);
                    *old = value.clone();
                } else {
                    tags.push((directory.tag(self.id(), name, None, value), value.clone()));
                }
            }
            Ok(())
        });
        tagged.unwrap_or(Ok(()))
    }

    /// Removes tags.
    pub(super) fn untag(&self, names: &[&str], directory: &Directory) {
        self.change(|Properties { tags, .. }| {
            for (name, value) in tags.extract_if(.., |(name, _)| names.contains(&&**name)) {
                directory.untag(self.id(), &name, &value);
            }
        });
    }

    /// Takes the connection out of the directory. Called after [`SendGauge::close`], so it is not added again. Its
    /// attributes stay, and its request if that was kept. `gone` is true if it was not the consumer that closed it, and the consumer does not know that yet.
    pub(super) fn leave(&self, directory: &Directory, gone: bool) {
        // Locked to the end: nothing may be added meanwhile.
        let mut guard = self.properties.lock();
        if !gone {
            self.gauge.set_close_known();
        }
        let Some(kept) = guard.as_mut() else { return };
        let (attributes, request) = (std::mem::take(&mut kept.attributes), kept.request.take());
        let properties =
            std::mem::replace(&mut **kept, Properties { attributes, request, ..Properties::default() });
        // Presence needs the user when a topic is left.
        properties.topics.iter().for_each(|topic| directory.leave(self.id(), topic, gone));
        if let Some(user) = &properties.user {
            directory.remove_user(self.id(), user);
        }
        properties.tags.iter().for_each(|(name, value)| directory.untag(self.id(), name, value));
        if kept.attributes.is_empty() && kept.request.is_none() {
            *guard = None;
        }
    }

    /// Changes the properties of an open connection; `None` if it is closed.
    fn change<R>(&self, change: impl FnOnce(&mut Properties) -> R) -> Option<R> {
        let mut properties = self.properties.lock();
        self.is_open().then(|| change(properties.get_or_insert_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> (ConnectionHandle, Directory) {
        (ConnectionHandle::new(Arc::new(SendGauge::new(ConnectionId::new(0, 3, 9))), None), Directory::new(1))
    }

    #[test]
    fn a_subscription_is_done_whole_or_not_at_all() {
        let (handle, directory) = connection();
        assert_eq!(handle.subscribe(&["a", "b", "a"], &directory, 2).unwrap().len(), 2);
        assert!(handle.subscribe(&["c"], &directory, 2).is_err());
        assert!(handle.subscribe(&["c", "b a d"], &directory, 9).is_err());
        assert!(directory.topic("c").is_none());
        assert_eq!(handle.unsubscribe(&["a", "x"], &directory).len(), 1);
        assert!(!handle.is_subscribed("a") && handle.is_subscribed("b"));
    }

    #[test]
    fn tags_are_given_whole_or_not_at_all() {
        let (handle, directory) = connection();
        let tags = |handle: &ConnectionHandle| -> Vec<String> {
            handle.tags().iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        handle.tag(&[("a", 1.into()), ("b", "x".into()), ("a", 2.into())], &directory, 2).unwrap();
        assert_eq!(tags(&handle), ["a=2", "b=x"]);
        assert_eq!(handle.tag(&[("c", 1.into())], &directory, 2), Err(TagError::TooMany { limit: 2 }));
        assert!(handle.tag(&[("a", 3.into()), ("", 1.into())], &directory, 2).is_err());
        handle.tag(&[("b", "y".into())], &directory, 2).unwrap();
        assert_eq!(tags(&handle), ["a=2", "b=y"]);
        handle.untag(&["a", "z"], &directory);
        assert_eq!(tags(&handle), ["b=y"]);
    }

    #[test]
    fn a_closed_connection_gets_and_has_no_topics_and_tags() {
        let (handle, directory) = connection();
        handle.set_user("ann", &directory);
        handle.subscribe(&["a"], &directory, 9).unwrap();
        handle.tag(&[("a", 1.into())], &directory, 9).unwrap();
        assert!(!directory.is_empty());
        handle.gauge().close();
        handle.leave(&directory, true);
        assert_eq!(handle.subscribe(&["a"], &directory, 9), Ok(vec![]));
        assert_eq!(handle.tag(&[("a", 1.into())], &directory, 9), Ok(()));
        assert!(directory.is_empty() && handle.topics().is_empty() && handle.tags().is_empty());
    }
    #[test]
    fn attributes_outlive_the_close_and_end_when_the_consumer_has_finished() {
        let (handle, directory) = connection();
        handle.set_user("ann", &directory);
        handle.set_attribute("cart", b"1").unwrap();
        handle.set_attribute("step", b"2").unwrap();
        handle.unset_attribute("cart");
        assert_eq!(handle.attribute("cart"), None);
        assert!(handle.set_attribute("step", &[0; 5000]).is_err());
        handle.gauge().close();
        // By a publisher, and then by the shard.
        handle.leave(&directory, false);
        handle.leave(&directory, true);
        assert!(directory.is_empty() && handle.user().is_none());
        handle.unset_attribute("step");
        handle.set_attribute("late", b"3").unwrap();
        handle.set_attribute("step", &[0; 5000]).unwrap();
        assert!(!handle.takes_attributes());
        assert_eq!(handle.attributes(), [("step".into(), (*b"2").into())]);
        handle.forget_attributes();
        assert!(handle.attributes().is_empty() && handle.attribute("step").is_none());
    }

    #[test]
    fn attributes_can_be_set_until_the_consumer_knows_of_the_close() {
        let (handle, directory) = connection();
        handle.gauge().close();
        handle.leave(&directory, true);
        handle.set_attribute("step", b"1").unwrap();
        handle.set_attribute("cart", b"2").unwrap();
        handle.unset_attribute("cart");
        assert!(handle.set_attribute("cart", &[0; 5000]).is_err());
        handle.keep_attributes();
        handle.set_attribute("step", b"3").unwrap();
        handle.unset_attribute("step");
        assert_eq!(handle.attributes(), [("step".into(), (*b"1").into())]);
        handle.forget_attributes();
        handle.set_attribute("step", b"4").unwrap();
        assert!(handle.attributes().is_empty());
    }

    #[test]
    fn a_closed_connection_without_attributes_keeps_nothing() {
        let (handle, directory) = connection();
        handle.subscribe(&["a"], &directory, 9).unwrap();
        handle.gauge().close();
        handle.leave(&directory, true);
        assert!(handle.properties.lock().is_none());
    }
}
