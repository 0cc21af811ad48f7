//! The places of this library's descriptors among those of the process, which are PHP's first of all.
//!
//! - They are at [`FLOOR`] and above. `select(2)`, and so every `stream_select()`, knows only numbers below 1024, and
//!   the system gives the lowest free one: clients would take them all.
//! - None is ever a standard descriptor. A script may close those at any time, and PHP's output would then go to
//!   whichever descriptor has the number: to a client.
//! - The limit of open files is raised only while a descriptor is made ([`Raised`]), so programs that the script
//!   starts inherit the limit that the script has.
//! - A forked child closes the sockets that are its parent's ([`close_in_child`]).
//!
//! A leaf: it knows no other folder.

mod inherited;
mod limit;
mod placed;

pub use inherited::{Inherited, close_in_child, mark, unmark};
pub use limit::{FLOOR, Raised, Reservation, most};
pub use placed::{Placeholders, STANDARD, keep_standard, place, placed};
