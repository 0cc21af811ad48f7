//! The port between the core and the application that it serves.
//!
//! A [`Publisher`] sends: to one connection, to a topic, to an audience; it closes, subscribes, tags and answers
//! questions. Any thread may have one. The one consumer of a server has its own, whose commands keep their order; all
//! others share a channel into each shard.

mod announcer;
mod consumer;
mod delivery;
mod opening;
mod publisher;

pub use crate::metrics::Figure;
pub use crate::{
    frame::may_be_sent_by_application as close_code_allowed,
    hub::{
        Announced, Audience, ConnectionHandle, Interests, Presence, Query, QueryError, TagError, TopicError,
        TopicPattern, check_tag, check_tag_name, check_topic,
    },
    queue::{
        Accept, Asked, ConnectionId, Event, Handshake, Identity, LogLevel, LogRecord, Opened, PresenceChange,
        Reject, Respond, TagValue, headers_size,
    },
};
pub use announcer::Announcer;
pub use consumer::{Consumer, ConsumerParts, Driving, Stopping, Waited};
pub use delivery::{Connected, Connections, Delivery, Receipt};
pub use opening::{Port, Publishers, ShardPort};
pub use publisher::{Outgoing, PayloadTooBig, Publisher, ResponseTooBig, SendResult, no_figures};
