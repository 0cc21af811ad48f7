//! The crossing between the native threads and PHP, in both directions.
//!
//! One [`link`] a shard: events one way, commands the other, each first in, first out. The queues
//! themselves have no bound; what may be in them has: messages by the credit of their connection
//! and shard, frames by the outbox budgets, opens and closes by the number of connections, which
//! counts one until PHP has seen it close. So nothing is ever dropped here.
//!
//! A side that has nothing to do announces that it sleeps ([`Parker`]), looks once more, and only
//! then sleeps; the other side wakes it after a batch, and only if it sleeps. The data is plain and
//! owned, so that the consumer may one day be another process. Knows neither Zend nor sockets.

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
mod spsc;
mod tag;
mod wake_fd;

pub use command::{Accept, Command, Reject, Respond, headers_size};
pub use commands::{CommandReceiver, CommandSender, CreditSender, Ender, ShardWaker};
pub use credit_notifier::CreditNotifier;
pub use event::{Asked, Event, Handshake, Identity, LogLevel, LogRecord, Opened, PresenceChange};
pub use events::{EventReceiver, EventSender};
pub use id::ConnectionId;
pub use inbox::Inbox;
pub use link::{Link, link};
pub use notices::{ChangeSender, LogSender};
pub use parker::{Parker, Rest};
pub use tag::TagValue;
pub use wake_fd::{WakeFd, Waker};
