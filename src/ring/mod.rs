//! Memory that a front and one worker share: two lanes of records, one in each direction, and a table of words.
//!
//! Each process owns one segment. The owner writes into it, and the other process only reads it: the records that the
//! owner sends, how far it has read the records of the other, and a few words that say how it is. So no process can
//! damage the records that it is sent, and a process that breaks the rules is noticed ([`Corrupt`]) and harms only
//! itself. A lane has a fixed size; a writer without room is told so, and nothing is lost.
//!
//! A process that sleeps announces that in its segment, looks again, then sleeps. The other publishes its records, then
//! looks at the announcement: one of the two always sees the other.
//!
//! This module knows nothing of the records' meaning.

mod duplex;
mod note;
mod segment;
mod table;

pub use duplex::{Corrupt, Duplex, PeerWord, SharedParts};
pub use note::Note;
pub use table::{SeenTable, Table, TableWord};
