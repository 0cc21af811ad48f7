//! The port in a worker: its server is in the front, and the way there is shared memory ([`ring`](crate::ring)).
//!
//! An event is *begun* when the application takes it, and *finished* when its receipt is dropped; both are shown to the
//! front, which keeps every event until it is finished. What a callback sends can be seen by the front before the
//! callback's event is finished, and the front is woken once for a batch. A worker may wait for the front, never the
//! front for a worker.

mod adopt;
mod consumer;
mod finished;
mod link;
mod publisher;

pub use adopt::adopt;
pub use consumer::{RemoteConsumer, connect, fail};
