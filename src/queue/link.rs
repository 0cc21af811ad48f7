//! A link: the queues between one shard and the rest of the process. See the parent module for order and bounds.

use std::sync::Arc;

use super::{
    CommandReceiver, CommandSender, EventReceiver, EventSender, Parker, Waker, commands::commands,
    events::events,
};

/// The ends of a shard's queues: events from the shard, commands to the shard.
#[derive(Debug)]
pub struct Link {
    /// The shard's end for events.
    pub events: EventSender,
    /// The shard's end for commands.
    pub commands: CommandReceiver,
    /// The consumer's end for events.
    pub receiver: EventReceiver,
    /// The consumer's end for commands.
    pub primary: CommandSender,
    /// The end for commands of all other threads; cloned for each.
    pub secondary: CommandSender,
}

/// Makes the queues of one shard. `consumer` and `waker` belong to the consumer, the same for all shards.
pub fn link(consumer: Arc<Parker>, waker: Waker) -> Link {
    let (events, receiver) = events(consumer, waker);
    let (primary, secondary, commands) = commands();
    Link { events, commands, receiver, primary, secondary }
}
