//! Records to the front: commands and questions. Their payloads and names are borrowed from the record.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    hub::{Announced, Audience, Interests},
    queue::{Accept, ConnectionId, Reject, Respond, TagValue},
};

/// True, false, or the server's rule.
pub type Compress = Option<bool>;

/// A command of a worker. With a number in `asks`, the number of recipients is answered.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Command<'a> {
    /// Sends to every connection.
    Broadcast {
        /// The message.
        payload: &'a [u8],
        /// True for a binary message.
        binary: bool,
        /// Compression.
        compress: Compress,
        /// Connections to leave out.
        except: Vec<ConnectionId>,
        /// The number of the question.
        asks: Option<u64>,
    },
    /// Sends to the subscribers of a topic.
    Publish {
        /// The topic.
        topic: &'a str,
        /// The message.
        payload: &'a [u8],
        /// True for a binary message.
        binary: bool,
        /// Compression.
        compress: Compress,
        /// Connections to leave out.
        except: Vec<ConnectionId>,
        /// The number of the question.
        asks: Option<u64>,
    },
    /// Sends to an audience.
    SendTo {
        /// The recipients.
        audience: Audience,
        /// The message.
        payload: &'a [u8],
        /// True for a binary message.
        binary: bool,
        /// Compression.
        compress: Compress,
        /// The number of the question.
        asks: Option<u64>,
    },
    /// Adds topics to a connection.
    Subscribe(ConnectionId, Vec<&'a str>),
    /// Takes topics from a connection.
    Unsubscribe(ConnectionId, Vec<&'a str>),
    /// Adds tags to a connection.
    Tag(ConnectionId, Vec<(Arc<str>, TagValue)>),
    /// Takes tags from a connection.
    Untag(ConnectionId, Vec<&'a str>),
    /// Closes a connection.
    Close(ConnectionId, u16, &'a str),
    /// Stops reading from a connection.
    Pause(ConnectionId),
    /// Goes on reading from a connection.
    Resume(ConnectionId),
    /// Accepts a client.
    Accept(ConnectionId, Accept),
    /// Refuses a client.
    Reject(ConnectionId, Reject),
    /// Answers a plain request.
    Respond(ConnectionId, Respond),
    /// Sets an attribute of a connection: its key and encoded value.
    SetAttribute(ConnectionId, &'a str, &'a [u8]),
    /// Takes an attribute from a connection.
    UnsetAttribute(ConnectionId, &'a str),
    /// Sets the optional events that the script wants.
    Interests(Interests),
    /// Sets the topics whose joins and leaves are announced.
    Announce(Announced),
    /// An event that came after one that is not finished yet is finished.
    Finished(u64),
    /// The worker is ready: its `onStart` has returned.
    Ready,
    /// The worker has released all its connections, since it is about to end.
    Detached,
    /// Stops the server.
    Stop(Duration),
    /// Starts a new generation of workers, and retires this one.
    Reload,
    /// The worker wants to be replaced.
    Retire,
    /// The worker ends.
    Leaving {
        /// The fatal error that PHP could still report.
        error: Option<String>,
        /// The connection of the event that caused it.
        culprit: Option<ConnectionId>,
    },
    /// Asks something.
    Ask(u64, Question<'a>),
}

/// A question of a worker.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Question<'a> {
    /// The number of open connections.
    Count,
    /// Every figure of the server.
    Figures,
    /// The users of a topic.
    Presence(&'a str),
    /// The connections of an audience.
    Connections(Audience),
    /// The topics of a connection.
    Topics(ConnectionId),
    /// The tags of a connection.
    Tags(ConnectionId),
    /// True if a connection is open.
    IsOpen(ConnectionId),
}

/// The answer to a question.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// A number.
    Number(u64),
    /// Users of a topic, and its number of subscribers.
    Presence(Vec<Arc<str>>, usize),
    /// Connections.
    Connections(Vec<ConnectionId>),
    /// Topics.
    Topics(Vec<Arc<str>>),
    /// Tags.
    Tags(Vec<(Arc<str>, TagValue)>),
    /// Values of the figures, in their order.
    Figures(Vec<(String, i64)>),
}

/// The flags of a record that sends a message to one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendFlags {
    /// True for a binary message.
    pub binary: bool,
    /// Compression.
    pub compress: Compress,
    /// True if the script was told that the client is behind, and so waits to hear that it no longer is.
    pub told: bool,
    /// True if the script was told that the outbox is full: the message is not sent, and the policy for slow consumers
    /// is carried out.
    pub full: bool,
}

impl SendFlags {
    /// As flags of the lane's word.
    #[inline]
    pub fn to_bits(self) -> u32 {
        let compress = match self.compress {
            None => 0,
            Some(false) => 2,
            Some(true) => 4,
        };
        u32::from(self.binary) | compress | u32::from(self.told) << 3 | u32::from(self.full) << 4
    }

    /// From the lane's word for the record.
    #[inline]
    pub fn of(word: u32) -> Self {
        let bits = word >> 8;
        let compress = match bits & 6 {
            2 => Some(false),
            4 => Some(true),
            _ => None,
        };
        Self { binary: bits & 1 != 0, compress, told: bits & 8 != 0, full: bits & 16 != 0 }
    }
}
