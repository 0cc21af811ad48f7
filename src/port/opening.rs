//! Making the port of a server: the ends of every queue, each for its thread.

use std::{io, sync::Arc};

use super::{Announcer, ConsumerParts, Publisher};
use crate::{
    hub::Hub,
    queue::{CommandReceiver, CommandSender, Ender, EventSender, Inbox, Link, LogSender, link},
};

/// The port of a server that has not started.
#[derive(Debug)]
pub struct Port {
    /// One for each shard, in order.
    pub shards: Vec<ShardPort>,
    /// The consumer's end.
    pub consumer: ConsumerParts,
    /// Makes publishers for all other threads.
    pub publishers: Publishers,
    /// One for each shard: ends it at once.
    pub enders: Vec<Ender>,
}

/// A shard's end.
#[derive(Debug)]
pub struct ShardPort {
    /// Events to the consumer.
    pub events: EventSender,
    /// Commands from every publisher.
    pub commands: CommandReceiver,
    /// Records for the log.
    pub log: LogSender,
    /// The shard's own publisher, which never waits.
    pub publisher: Publisher,
    /// Announces the joins that the shard causes.
    pub announcer: Arc<Announcer>,
}

/// Makes [`Publisher`]s, one for each thread that wants one.
#[derive(Debug)]
pub struct Publishers {
    hub: Arc<Hub>,
    announcer: Arc<Announcer>,
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
        let announcer = Arc::new(Announcer::new(hub.clone(), changes));
        let secondaries = links.iter().filter_map(|link| link.secondary.secondary()).collect();
        let publishers =
            Publishers { hub: hub.clone(), announcer: announcer.clone(), shards: secondaries, log };
        let (mut shards, mut primaries) = (Vec::new(), Vec::new());
        let (mut credit, mut enders) = (Vec::new(), Vec::new());
        for Link { events, commands, receiver, primary, .. } in links {
            inbox.add(receiver);
            credit.push(primary.credit());
            enders.push(primary.ender());
            primaries.push(primary);
            let publisher = publishers.publisher().impatient();
            shards.push(ShardPort {
                events,
                commands,
                log: publishers.log(),
                publisher,
                announcer: announcer.clone(),
            });
        }
        let publisher = Publisher::new(hub.clone(), announcer.clone(), primaries);
        let consumer = ConsumerParts { inbox, publisher, announcer, credit, driving: None };
        Ok(Self { shards, consumer, publishers, enders })
    }
}

impl Publishers {
    /// Makes one more publisher.
    pub fn publisher(&self) -> Publisher {
        Publisher::new(self.hub.clone(), self.announcer.clone(), self.senders())
    }

    /// Gives a sender for records of the log.
    pub fn log(&self) -> LogSender {
        self.log.clone()
    }

    fn senders(&self) -> Vec<CommandSender> {
        self.shards.iter().filter_map(CommandSender::secondary).collect()
    }
}
