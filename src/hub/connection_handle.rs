//! The handle of one connection, which any thread may use.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{Directory, TagError, TopicError, check_tag, check_topic};
use crate::{
    connection::SendGauge,
    http::Request,
    queue::{ConnectionId, TagValue},
};

/// A connection: its gauges, and its user, topics and tags.
#[derive(Debug)]
pub struct ConnectionHandle {
    gauge: Arc<SendGauge>,
    /// The [`Directory`] holds these properties too, and is changed while this is locked. Connections of many servers
    /// have none of them.
    properties: Mutex<Option<Box<Properties>>>,
}

/// The properties by which a connection can be found, and its request.
#[derive(Debug, Default)]
struct Properties {
    user: Option<Arc<str>>,
    topics: Vec<Arc<str>>,
    tags: Vec<(Arc<str>, TagValue)>,
    /// The client's request, if the consumer wants connections to keep it.
    request: Option<Arc<Request>>,
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

    /// Takes the connection out of the directory. Called after [`SendGauge::close`], so it is not added again. `gone`
    /// is true if it was not the consumer that closed it, and the consumer does not know that yet.
    pub(super) fn leave(&self, directory: &Directory, gone: bool) {
        // Locked to the end: nothing may be added meanwhile.
        let mut guard = self.properties.lock();
        let Some(properties) = guard.take() else { return };
        // Presence needs the user when a topic is left.
        properties.topics.iter().for_each(|topic| directory.leave(self.id(), topic, gone));
        if let Some(user) = &properties.user {
            directory.remove_user(self.id(), user);
        }
        properties.tags.iter().for_each(|(name, value)| directory.untag(self.id(), name, value));
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
}
