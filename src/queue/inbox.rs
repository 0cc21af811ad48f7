//! The consumer's end of all links: the events of all shards, log records and presence changes, and the sleep until one
//! of them comes.
//!
//! Events of one connection come in order; between connections there is no order. The inbox does not bound its queues
//! (see the parent module), and nothing is lost when it is dropped but the notices that are still in it.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
    time::Instant,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags},
    sys::{signal::SigSet, time::TimeSpec},
};

use super::{
    ChangeSender, Event, EventReceiver, LogSender, Parker, PresenceChange, Rest, WakeFd, Waker,
    notices::Notices,
};

/// The events of all shards. The shards take turns, with a quantum of events each.
#[derive(Debug)]
pub struct Inbox {
    shards: Vec<EventReceiver>,
    notices: Notices,
    log: LogSender,
    changes: Option<ChangeSender>,
    parker: Arc<Parker>,
    descriptor: WakeFd,
    /// The shard whose events are next.
    current: usize,
    /// The rest of that shard's quantum.
    left: usize,
    /// The end of a connection or a shard, and the number of records that come before it.
    held: Option<(Event, usize)>,
}

impl Inbox {
    /// Makes an inbox without shards.
    pub fn new() -> io::Result<Self> {
        let (parker, descriptor) = (Arc::new(Parker::new()), WakeFd::new()?);
        let (notices, log, changes) = Notices::new(&parker, &descriptor.waker());
        let (shards, changes) = (Vec::new(), Some(changes));
        Ok(Self { shards, notices, log, changes, parker, descriptor, current: 0, left: QUANTUM, held: None })
    }

    /// The consumer's sleep state and waker, which a link needs to wake the consumer.
    pub fn consumer(&self) -> (Arc<Parker>, Waker) {
        (self.parker.clone(), self.descriptor.waker())
    }

    /// Adds the events of one more shard.
    pub fn add(&mut self, events: EventReceiver) {
        self.shards.push(events);
    }

    /// Gives a sender for log records.
    pub fn log(&self) -> LogSender {
        self.log.clone()
    }

    /// Gives the sender for presence changes; `None` at the second call.
    pub fn take_changes(&mut self) -> Option<ChangeSender> {
        self.changes.take()
    }

    /// True if a change of presence may wait.
    #[inline]
    pub fn has_changes(&self) -> bool {
        self.notices.has_changes()
    }

    /// Returns the next change of presence.
    pub fn pop_change(&mut self) -> Option<PresenceChange> {
        self.notices.pop_change()
    }

    /// Returns the next event. The shards, and after them the log, take turns, so that a busy shard cannot hold up the
    /// others. A record that a shard sent before the end of a connection is returned before it.
    #[inline]
    pub fn pop(&mut self) -> Option<Event> {
        if self.held.is_some() {
            return self.pop_held();
        }
        // One look at each, and one more at the shard whose quantum is just over.
        for _ in 0..=self.shards.len() {
            if self.left > 0
                && let Some(event) = self.shards.get_mut(self.current)?.pop()
            {
                self.left -= 1;
                if matches!(event, Event::Close { .. } | Event::Stopped { .. }) {
                    // The record may give the reason.
                    self.held = Some((event, self.notices.logs.len()));
                    return self.pop_held();
                }
                return Some(event);
            }
            self.left = QUANTUM;
            self.current += 1;
            if self.current >= self.shards.len() {
                self.current = 0;
                if let Ok(record) = self.notices.logs.try_recv() {
                    return Some(Event::Log(record));
                }
            }
        }
        None
    }

    fn pop_held(&mut self) -> Option<Event> {
        let (event, records) = self.held.take()?;
        if records > 0
            && let Ok(record) = self.notices.logs.try_recv()
        {
            self.held = Some((event, records - 1));
            return Some(Event::Log(record));
        }
        Some(event)
    }

    /// True if no event and no change of presence waits.
    pub fn is_empty(&self) -> bool {
        self.held.is_none() && self.shards.iter().all(EventReceiver::is_empty) && self.notices.is_empty()
    }

    /// Announces that the consumer sleeps. Returns false if an event waits: then the consumer is awake.
    #[must_use]
    pub fn prepare_sleep(&self) -> bool {
        self.parker.announce(Rest::Sleep);
        if self.is_empty() {
            return true;
        }
        self.parker.set_awake();
        false
    }

    /// Sleeps until the consumer is woken, `beside` is readable, or `until`, unless an event waits. `unblocked` is the
    /// thread's signal mask during the sleep. Returns true if a signal ended the sleep.
    pub fn sleep(&self, until: Option<Instant>, unblocked: Option<SigSet>, beside: Option<&OwnedFd>) -> bool {
        if !self.prepare_sleep() {
            return false;
        }
        let timeout = until.map(|until| TimeSpec::from(until.saturating_duration_since(Instant::now())));
        let other = beside.map_or(self.fd(), |beside| beside.as_fd());
        let mut fds = [self.fd(), other].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let result = nix::poll::ppoll(&mut fds, timeout, unblocked);
        self.awake();
        if matches!(result, Ok(count) if count > 0) {
            self.clear();
        }
        result == Err(Errno::EINTR)
    }

    /// Marks the consumer awake after a sleep.
    pub fn awake(&self) {
        self.parker.set_awake();
    }

    /// Makes the descriptor unreadable again. To be called before [`pop`](Self::pop).
    pub fn clear(&self) {
        self.descriptor.clear();
    }

    /// Wakes the consumer from another thread or a signal handler.
    pub fn waker(&self) -> Waker {
        self.descriptor.waker()
    }

    /// Makes another descriptor, for waiting only, readable whenever [`fd`](Self::fd) is: see [`WakeFd::watch`].
    pub fn watch(&self) -> io::Result<OwnedFd> {
        self.descriptor.watch()
    }

    /// The descriptor that is readable after a wake.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// The most events of one shard in a row.
const QUANTUM: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{ConnectionId, LogLevel, LogRecord, link};

    #[test]
    fn a_record_comes_before_the_close_that_its_shard_sent_after_it() {
        let mut inbox = Inbox::new().unwrap();
        let (consumer, waker) = inbox.consumer();
        let mut link = link(consumer, waker);
        inbox.add(link.receiver);
        let id = ConnectionId::new(0, 0, 1);
        let close = |code| Event::Close { id, code, reason: "".into() };
        let record = |message: &str| LogRecord {
            level: LogLevel::Error,
            message: message.to_owned(),
            context: Vec::new(),
        };
        link.events.push(close(1000));
        inbox.log().send(record("the reason of 1011"));
        link.events.push(close(1011));
        link.events.flush();
        let mut found = Vec::new();
        while let Some(event) = inbox.pop() {
            // A record that is sent meanwhile does not hold the close up.
            inbox.log().send(record("another"));
            found.push(match event {
                Event::Close { code, .. } => code.to_string(),
                Event::Log(record) => record.message,
                other => panic!("{other:?}"),
            });
            if found.len() == 8 {
                break;
            }
        }
        let close_at = found.iter().position(|line| line == "1011").unwrap();
        assert!(found[..close_at].iter().any(|line| line == "the reason of 1011"), "{found:?}");
    }
}
