//! The queues between the shards and the consumer (PHP), in both directions.
//!
//! Each shard has one [`link()`]: events go to the consumer, commands to the shard, each first in, first out. The queues
//! have no bound of their own; their contents have one: credit bounds messages, per connection and per shard; the
//! outbox budgets bound frames; the number of connections bounds opens and closes, and a connection counts until the
//! consumer has seen its close. So no event and no command is ever dropped. Records for the log are: their channel is
//! bounded, and a record beyond the bound is dropped and counted.
//!
//! A side without work announces that it sleeps ([`Parker`]), checks its queues again, then sleeps. The other side
//! wakes it after a batch, and only if it sleeps. At shutdown each end is simply dropped: a sender whose receiver is
//! gone drops its items.
//!
//! This module does not read sockets and does not know Zend. Its data is plain and owned, so that the consumer may one
//! day be another process.

mod command;
mod commands;
mod credit_notifier;
mod event;
mod events;
mod id;
mod inbox;
mod link;
mod notices;
mod parker;
mod shard_signals;
mod spsc;
mod tag;
#[cfg(test)]
mod transfer_tests;
mod wake_fd;

pub use command::{Accept, Command, Reject, Respond, headers_size};
pub use commands::{CommandReceiver, CommandSender};
pub use credit_notifier::CreditNotifier;
pub use event::{
    Asked, Event, Handshake, Identity, LOG_INTERVAL, LogLevel, LogRecord, Opened, PresenceChange,
};
pub use events::{EventReceiver, EventSender};
pub use id::ConnectionId;
pub use inbox::Inbox;
pub use link::{Link, link};
pub use notices::{ChangeSender, LogSender};
pub use parker::{Parker, Rest};
pub use shard_signals::{CreditSender, Ender, ShardWaker};
pub use tag::TagValue;
pub use wake_fd::{WakeFd, Waker};
