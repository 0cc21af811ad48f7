//! The port between the core and the application that it serves.
//!
//! A [`Publisher`] sends to a connection, a topic or an audience; it closes, subscribes, tags and answers questions.
//! Any thread may have one. The [`Consumer`], one for each server, takes the events; each comes with a [`Receipt`] that
//! settles its costs when it is dropped. The [`Announcer`] notifies subscribers of joins and leaves.
//!
//! The commands of one publisher keep their order, and so do the events of one connection. The consumer's publisher has
//! its own queue into each shard; all others share a channel. Events are bounded by credit; a publisher that is ahead
//! of a shard waits for it. At a stop the other publishers are refused, then the shards drain and end.
//!
//! The port hides the hub and the queues: an application names neither. It knows neither Zend nor sockets.

mod announcer;
mod consumer;
mod delivery;
mod ends;
mod interface;
mod opening;
mod outgoing;
mod presence_hold;
mod publisher;
mod questions;
pub mod remote;

pub use crate::metrics::Figure;
pub use crate::{
    frame::{CloseCode, MAX_REASON, may_be_sent_by_application as close_code_allowed},
    hub::{
        Announced, AttributeError, Audience, ConnectionHandle, Interests, MAX_ATTRIBUTE_KEY, MAX_ATTRIBUTES,
        Presence, Query, QueryError, TagError, TopicError, TopicPattern, check_tag, check_tag_name,
        check_topic,
    },
    queue::{
        Accept, Asked, ConnectionId, Event, Handshake, Identity, LOG_INTERVAL, LogLevel, LogRecord, Opened,
        PresenceChange, Reject, Respond, TagValue, headers_size,
    },
};
pub use announcer::Announcer;
pub use consumer::{Consumer, ConsumerParts, Driving, Stopping, Waited};
pub use delivery::{Connected, Connections, Delivery, Receipt};
pub use ends::{ConsumerEnd, PublisherEnd};
pub use interface::{Consume, Publish, WorkerStatus};
pub use opening::{Port, Publishers, ShardPort};
pub use outgoing::{Outgoing, PayloadTooBig, ResponseTooBig, SendResult};
pub use publisher::Publisher;
pub use questions::no_figures;
