//! The records between a front and its workers, and the words with which a worker begins.
//!
//! A worker first says [`Hello`] on a socket, and the front answers with a [`Welcome`] and the descriptors of the shared
//! memory ([`ring`](crate::ring)). From then on all is records in two lanes. The front sends events, which it numbers
//! from 1, orders and answers; the worker sends commands and questions. A message's payload is copied as it is; all
//! else is in the format of the crate postcard.
//!
//! The front does not trust a worker: decoding checks every byte, and what is decoded holds no more than its type
//! says. The front still has to check the values, as it does for every publisher.

mod channel;
mod command;
mod event;
mod hello;
mod pieces;

pub use channel::{Incoming, receive, send};
pub use command::{Answer, Command, Compress, Question, SendFlags};
pub use event::{About, EventFlags, Order, decode_event, encode_event};
pub use hello::{Door, FirstWords, Hello, Recycling, Welcome};
pub use pieces::{Assembler, Pieces, write};

/// The kind of a record: the low byte of the lane's word for it. The rest of the word are flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// To a worker: a message, with [`EventFlags`]; the connection's id, then the payload.
    Message,
    /// To a worker: another event, with [`EventFlags`]; an [`About`], then the event.
    Event,
    /// To a worker: an [`Order`].
    Order,
    /// To a worker: an [`Answer`].
    Answer,
    /// To the front: a message to one connection, with [`SendFlags`]; the connection's id, then the payload.
    Send,
    /// To the front: a [`Command`].
    Command,
    /// A part of a large record.
    Piece,
    /// The last part of a large record.
    LastPiece,
}

impl Kind {
    const ALL: [Self; 8] = [
        Self::Message,
        Self::Event,
        Self::Order,
        Self::Answer,
        Self::Send,
        Self::Command,
        Self::Piece,
        Self::LastPiece,
    ];

    /// The kind of a record, from the lane's word for it.
    #[inline]
    pub fn of(word: u32) -> Option<Self> {
        Self::ALL.get((word & 0xff) as usize).copied()
    }

    /// The lane's word for a record with these flags.
    #[inline]
    pub const fn with(self, flags: u32) -> u32 {
        self as u32 | flags << 8
    }
}

/// An error: a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRecord(pub &'static str);

impl From<postcard::Error> for BadRecord {
    fn from(_: postcard::Error) -> Self {
        Self("a record that does not fit its kind")
    }
}

impl From<crate::ring::Corrupt> for BadRecord {
    fn from(error: crate::ring::Corrupt) -> Self {
        Self(error.0)
    }
}

/// Splits off the id at the beginning of a record.
pub fn split_id(record: &[u8]) -> Result<(crate::queue::ConnectionId, &[u8]), BadRecord> {
    let (id, rest) = record.split_first_chunk().ok_or(BadRecord("a record without an id"))?;
    Ok((crate::queue::ConnectionId::from_php(i64::from_le_bytes(*id)), rest))
}

/// The bytes of an id at the beginning of a record.
pub fn id_bytes(id: crate::queue::ConnectionId) -> [u8; 8] {
    id.to_php().to_le_bytes()
}
