//! Records to a worker: events and orders.

use serde::{Deserialize, Serialize};

use super::BadRecord;
use crate::queue::Event;

/// The flags of an event's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventFlags {
    /// True for a binary message.
    pub binary: bool,
    /// The number of times that the event was begun, this one included.
    pub attempt: u8,
}

impl EventFlags {
    /// As flags of the lane's word.
    #[inline]
    pub fn to_bits(self) -> u32 {
        u32::from(self.binary) | u32::from(self.attempt) << 8
    }

    /// From the lane's word for the record.
    #[inline]
    pub fn of(word: u32) -> Self {
        Self { binary: word >> 8 & 1 != 0, attempt: (word >> 16) as u8 }
    }
}

/// An order to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// The worker is the leader from now on, or no longer.
    Lead(bool),
    /// The worker gets no further event: it finishes what it has, and ends.
    Retire,
    /// The server has stopped: no further event comes.
    End,
}

/// The facts that a worker needs about a connection beside its event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The place of its gauges in the table.
    pub gauges: Option<u32>,
    /// Its number of topics.
    pub topics: usize,
    /// Its number of tags.
    pub tags: usize,
    /// Its attributes: keys and encoded values.
    pub attributes: Vec<(Box<str>, Box<[u8]>)>,
}

/// Writes an event but a message.
pub fn encode_event(event: &Event, about: &About, into: &mut Vec<u8>) -> Result<(), BadRecord> {
    into.clear();
    *into = postcard::to_extend(&(about, event), std::mem::take(into))?;
    Ok(())
}

/// Reads what [`encode_event`] has written.
pub fn decode_event(record: &[u8]) -> Result<(About, Event), BadRecord> {
    Ok(postcard::from_bytes(record)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{ConnectionId, LogLevel, LogRecord, Opened, PresenceChange};

    #[test]
    fn every_event_but_a_message_comes_out_as_it_went_in() {
        let id = ConnectionId::new(1, 2, 3);
        let opened = || Box::new(Opened { request: None, protocol: Some("p".to_owned()), user: None });
        let change = PresenceChange { topic: "t".into(), user: "u".into(), joined: true, connection: id };
        let record = LogRecord {
            level: LogLevel::Error,
            message: "m".to_owned(),
            context: vec![("a".to_owned(), "b".to_owned())],
        };
        let about = About { gauges: Some(7), topics: 1, tags: 2, attributes: vec![("a".into(), [7].into())] };
        for event in [
            Event::HandshakeGone { id },
            Event::RequestGone { id },
            Event::Open { id, opened: opened() },
            Event::Attach { id, opened: opened() },
            Event::Detach { id },
            Event::Drain { id },
            Event::Close { id, code: 1000, reason: "bye".into() },
            Event::Presence(Box::new(change)),
            Event::Log(Box::new(record)),
        ] {
            let mut bytes = Vec::new();
            encode_event(&event, &about, &mut bytes).unwrap();
            assert_eq!(decode_event(&bytes), Ok((about.clone(), event)));
        }
    }
}
