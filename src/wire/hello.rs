//! The beginning of a worker: its words on the socket, and the front's.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    config::{Config, Limits},
    hub::{Announced, Interests},
};

/// A worker's first words: its options, or PHP's error with which its script ended before it had any.
pub type FirstWords = Result<Hello, String>;

/// The options of a worker's script.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the worker's library.
    pub version: String,
    /// The options of the server.
    pub config: Config,
    /// The number of workers that the script asks for.
    pub workers: usize,
    /// The rules by which workers are replaced.
    pub recycling: Recycling,
    /// The optional events that the script wants.
    pub interests: Interests,
    /// The topics whose joins and leaves are announced.
    pub announced: Announced,
    /// True if the script has a logger.
    pub has_logger: bool,
}

/// The rules by which workers are replaced, and their events redelivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recycling {
    /// Events after which a worker is replaced.
    pub max_messages: Option<u64>,
    /// Bytes of memory at which a worker is replaced.
    pub max_memory: Option<u64>,
    /// Time after which a worker is replaced.
    pub max_age: Option<Duration>,
    /// Time after which a callback that has not returned costs its worker.
    pub handler_timeout: Option<Duration>,
    /// False if an event that a worker had begun when it died is dropped.
    pub redeliver: bool,
}

impl Default for Recycling {
    fn default() -> Self {
        Self { max_messages: None, max_memory: None, max_age: None, handler_timeout: None, redeliver: true }
    }
}

/// The front's answer. Its descriptors come with it, in this order: the two segments of the lanes, the descriptor that
/// wakes the worker, the one that wakes the front, and the table of gauges.
#[derive(Debug, Serialize, Deserialize)]
pub struct Welcome {
    /// The worker's number, from 0.
    pub index: usize,
    /// The number of workers.
    pub workers: usize,
    /// The number of its generation, from 1.
    pub generation: u64,
    /// True if it is the leader from its start.
    pub is_leader: bool,
    /// The addresses that are bound.
    pub addresses: Vec<String>,
    /// The limits that hold: a script that was changed since may have others.
    pub limits: Limits,
    /// The number of shards.
    pub shards: usize,
    /// Bytes of each lane.
    pub capacity: usize,
    /// Places of the table of gauges.
    pub gauges: usize,
}

/// The command that starts a worker.
#[derive(Debug, Clone)]
pub struct Door {
    /// The program.
    pub program: PathBuf,
    /// Its name and arguments.
    pub arguments: Vec<std::ffi::OsString>,
    /// The script in them, as it was named: the management socket has its name. `None` if there is no such file.
    pub script: Option<PathBuf>,
}
