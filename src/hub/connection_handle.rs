//! One connection, as every thread may see it.

use std::{sync::Arc, time::Duration};

use parking_lot::Mutex;

use super::{Directory, TagError, TopicError, check_tag, check_topic};
use crate::{
    connection::SendGauge,
    http::Request,
    queue::{ConnectionId, TagValue},
};

/// One connection: its gauges, and by what it can be found.
#[derive(Debug)]
pub struct ConnectionHandle {
    gauge: Arc<SendGauge>,
    /// What is here is in the [`Directory`] too, and is changed there while this is locked. Most connections of
    /// many servers have nothing of it.
    traits: Mutex<Option<Box<Traits>>>,
}

/// By what a connection can be found.
#[derive(Debug, Default)]
struct Traits {
    user: Option<Arc<str>>,
    topics: Vec<Arc<str>>,
    tags: Vec<(Arc<str>, TagValue)>,
    /// The client's request, if the consumer wants connections to keep it.
    request: Option<Arc<Request>>,
}

impl ConnectionHandle {
    pub(super) fn new(gauge: Arc<SendGauge>, request: Option<Box<Request>>) -> Self {
        let kept =
            request.map(|request| Box::new(Traits { request: Some(request.into()), ..Traits::default() }));
        Self { gauge, traits: Mutex::new(kept) }
    }

    /// The connection's id.
    pub fn id(&self) -> ConnectionId {
        self.gauge.id()
    }

    /// Its gauges.
    pub fn gauge(&self) -> &SendGauge {
        &self.gauge
    }

    /// Whether something can still be sent to it.
    pub fn is_open(&self) -> bool {
        self.gauge.is_open()
    }

    /// Bytes that wait for the client.
    pub fn buffered(&self) -> usize {
        self.gauge.buffered()
    }

    /// The client's handshake request, while the connection is open and if the consumer wants it kept
    /// (`Interests::kept_requests`): with it another consumer could take the connection over.
    pub fn request(&self) -> Option<Arc<Request>> {
        self.traits.lock().as_ref().and_then(|traits| traits.request.clone())
    }

    /// How long its last answered ping took.
    pub fn latency(&self) -> Option<Duration> {
        self.gauge.latency()
    }

    /// Who it is.
    pub fn user(&self) -> Option<Arc<str>> {
        self.traits.lock().as_ref().and_then(|traits| traits.user.clone())
    }

    /// The topics it subscribes to, in the order of subscription.
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.traits.lock().as_ref().map_or_else(Vec::new, |traits| traits.topics.clone())
    }

    /// Whether it subscribes to a topic.
    pub fn is_subscribed(&self, topic: &str) -> bool {
        self.traits.lock().as_ref().is_some_and(|traits| traits.topics.iter().any(|t| **t == *topic))
    }

    /// Its tags, in the order in which it got them.
    pub fn tags(&self) -> Vec<(Arc<str>, TagValue)> {
        self.traits.lock().as_ref().map_or_else(Vec::new, |traits| traits.tags.clone())
    }

    /// Says who it is. Once, before it is known to anybody.
    pub(super) fn set_user(&self, user: &str, directory: &Directory) {
        self.change(|traits| traits.user = Some(directory.add_user(self.id(), user)));
    }

    /// Adds topics: all of them or, with an error, none. Gives those that are new.
    pub(super) fn subscribe(
        &self,
        names: &[&str],
        directory: &Directory,
        limit: usize,
    ) -> Result<Vec<Arc<str>>, TopicError> {
        for name in names {
            check_topic(name)?;
        }
        let subscribed = self.change(|Traits { topics, .. }| {
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

    /// Takes topics away; gives those that it had.
    pub(super) fn unsubscribe(&self, names: &[&str], directory: &Directory) -> Vec<Arc<str>> {
        let left = self.change(|Traits { topics, .. }| {
            let left: Vec<_> = topics.extract_if(.., |topic| names.contains(&&**topic)).collect();
            left.iter().for_each(|topic| directory.leave(self.id(), topic, false));
            left
        });
        left.unwrap_or_default()
    }

    /// Gives it tags, in place of those of the same names: all of them or, with an error, none.
    pub(super) fn tag(
        &self,
        new: &[(&str, TagValue)],
        directory: &Directory,
        limit: usize,
    ) -> Result<(), TagError> {
        for (name, value) in new {
            check_tag(name, value)?;
        }
        let tagged = self.change(|Traits { tags, .. }| {
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

    /// Takes tags away.
    pub(super) fn untag(&self, names: &[&str], directory: &Directory) {
        self.change(|Traits { tags, .. }| {
            for (name, value) in tags.extract_if(.., |(name, _)| names.contains(&&**name)) {
                directory.untag(self.id(), &name, &value);
            }
        });
    }

    /// Takes it out of the directory. After [`SendGauge::close`]: it does not come back. `gone`: by somebody
    /// else than the consumer, before that knows.
    pub(super) fn leave(&self, directory: &Directory, gone: bool) {
        // Also while it is taken out nothing may be added.
        let mut guard = self.traits.lock();
        let Some(traits) = guard.take() else { return };
        // As its user it leaves the topics.
        traits.topics.iter().for_each(|topic| directory.leave(self.id(), topic, gone));
        if let Some(user) = &traits.user {
            directory.remove_user(self.id(), user);
        }
        traits.tags.iter().for_each(|(name, value)| directory.untag(self.id(), name, value));
    }

    /// Changes what an open connection is found by; `None` if it is closed.
    fn change<R>(&self, change: impl FnOnce(&mut Traits) -> R) -> Option<R> {
        let mut traits = self.traits.lock();
        self.is_open().then(|| change(traits.get_or_insert_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member() -> (ConnectionHandle, Directory) {
        (ConnectionHandle::new(Arc::new(SendGauge::new(ConnectionId::new(0, 3, 9))), None), Directory::new(1))
    }

    #[test]
    fn a_subscription_is_done_whole_or_not_at_all() {
        let (member, directory) = member();
        assert_eq!(member.subscribe(&["a", "b", "a"], &directory, 2).unwrap().len(), 2);
        assert!(member.subscribe(&["c"], &directory, 2).is_err());
        assert!(member.subscribe(&["c", "b a d"], &directory, 9).is_err());
        assert!(directory.topic("c").is_none());
        assert_eq!(member.unsubscribe(&["a", "x"], &directory).len(), 1);
        assert!(!member.is_subscribed("a") && member.is_subscribed("b"));
    }

    #[test]
    fn tags_are_given_whole_or_not_at_all() {
        let (member, directory) = member();
        let tags = |member: &ConnectionHandle| -> Vec<String> {
            member.tags().iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        member.tag(&[("a", 1.into()), ("b", "x".into()), ("a", 2.into())], &directory, 2).unwrap();
        assert_eq!(tags(&member), ["a=2", "b=x"]);
        assert_eq!(member.tag(&[("c", 1.into())], &directory, 2), Err(TagError::TooMany { limit: 2 }));
        assert!(member.tag(&[("a", 3.into()), ("", 1.into())], &directory, 2).is_err());
        member.tag(&[("b", "y".into())], &directory, 2).unwrap();
        assert_eq!(tags(&member), ["a=2", "b=y"]);
        member.untag(&["a", "z"], &directory);
        assert_eq!(tags(&member), ["b=y"]);
    }

    #[test]
    fn who_is_closed_gets_nothing_more_and_has_nothing() {
        let (member, directory) = member();
        member.set_user("ann", &directory);
        member.subscribe(&["a"], &directory, 9).unwrap();
        member.tag(&[("a", 1.into())], &directory, 9).unwrap();
        assert!(!directory.is_empty());
        member.gauge().close();
        member.leave(&directory, true);
        assert_eq!(member.subscribe(&["a"], &directory, 9), Ok(vec![]));
        assert_eq!(member.tag(&[("a", 1.into())], &directory, 9), Ok(()));
        assert!(directory.is_empty() && member.topics().is_empty() && member.tags().is_empty());
    }
}
