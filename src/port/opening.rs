//! Opening the port of a server: makes the ends of all queues, each for its thread. Nothing runs yet.

use std::{io, sync::Arc};

use super::{Announcer, ConsumerParts, Publisher, presence_hold::PresenceHold};
use crate::{
    hub::Hub,
    queue::{CommandReceiver, CommandSender, Ender, EventSender, Inbox, Link, LogSender, link},
};

/// The port of a server that has not started.
#[derive(Debug)]
pub struct Port {
    /// The shards' ends, in order.
    pub shards: Vec<ShardPort>,
    /// The consumer's end.
    pub consumer: ConsumerParts,
    /// Makes publishers for all other threads.
    pub publishers: Publishers,
    /// Handles that end the shards at once, in order.
    pub enders: Vec<Ender>,
}

/// A shard's end of the port.
#[derive(Debug)]
pub struct ShardPort {
    /// Events to the consumer.
    pub events: EventSender,
    /// Commands from every publisher.
    pub commands: CommandReceiver,
    /// Log records to the consumer.
    pub log: LogSender,
    /// The shard's own publisher, which never waits.
    pub publisher: Publisher,
    /// Announces the joins that the shard causes.
    pub announcer: Announcer,
}

/// Makes [`Publisher`]s, one for each thread that needs one.
#[derive(Debug)]
pub struct Publishers {
    hub: Arc<Hub>,
    presence: Arc<PresenceHold>,
    shards: Vec<CommandSender>,
    log: LogSender,
}

impl Port {
    /// Makes the queues of all shards of a server.
    pub fn open(hub: &Arc<Hub>) -> io::Result<Self> {
        let mut inbox = Inbox::new()?;
        let links: Vec<Link> = (0..hub.counters.len())
            .map(|_| {
                let (consumer, waker) = inbox.consumer();
                link(consumer, waker)
            })
            .collect();
        let (mut log, mut changes) = (inbox.log(), inbox.take_changes());
        if let [only] = links.as_slice() {
            let shard = only.primary.waker();
            log = log.with_driven(shard.clone());
            changes = changes.map(|changes| changes.with_driven(shard));
        }
        let presence = Arc::new(PresenceHold::new(hub.clone(), changes));
        let announcer = Announcer::new(hub.clone(), presence.clone());
        let secondaries = links.iter().filter_map(|link| link.secondary.secondary()).collect();
        let publishers =
            Publishers { hub: hub.clone(), presence: presence.clone(), shards: secondaries, log };
        let (mut shards, mut primaries) = (Vec::new(), Vec::new());
        let (mut credit, mut enders) = (Vec::new(), Vec::new());
        for Link { events, commands, receiver, primary, .. } in links {
            inbox.add(receiver);
            credit.push(primary.credit());
            enders.push(primary.ender());
            primaries.push(primary);
            let publisher = publishers.publisher().without_waiting();
            shards.push(ShardPort {
                events,
                commands,
                log: publishers.log(),
                publisher,
                announcer: announcer.clone(),
            });
        }
        let publisher = Publisher::new(hub.clone(), presence, primaries);
        let consumer = ConsumerParts { inbox, publisher, announcer, credit, driving: None };
        Ok(Self { shards, consumer, publishers, enders })
    }
}

impl Publishers {
    /// Makes one more publisher.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.hub.clone(), self.presence.clone(), self.senders())
    }

    /// Gives a sender for log records.
    pub fn log(&self) -> LogSender {
        self.log.clone()
    }

    fn senders(&self) -> Vec<CommandSender> {
        self.shards.iter().filter_map(CommandSender::secondary).collect()
    }
}
