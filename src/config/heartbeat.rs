//! Detection of clients that are gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ConfigError;

/// Pings, and how long to wait for a sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Time between two pings to one client; `None` sends none. Default 25 s: below the minute after
    /// which most proxies cut a silent connection. Each client's is up to 10 % shorter or longer, so
    /// that clients that came together are not pinged together.
    pub interval: Option<Duration>,
    /// Time after a ping in which any byte must come, else the connection is closed (1006 for PHP). Default 10 s.
    pub timeout: Duration,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { interval: Some(Duration::from_secs(25)), timeout: Duration::from_secs(10) }
    }
}

impl Heartbeat {
    /// Refuses a pong time-out of zero: it would cut every client at its first ping.
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.timeout.is_zero() {
            return Err(ConfigError::new("heartbeat.timeout", "must be greater than 0 seconds"));
        }
        Ok(())
    }
}
