//! Which server to load.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

use anyhow::{Context, Result};
use clap::Args;

/// The options that every mode has.
#[derive(Args, Clone)]
pub struct Target {
    /// The server
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    pub to: String,
    /// The server's process: adds its CPU time and memory, children included, to the result
    #[arg(long)]
    pub pid: Option<u32>,
    /// A name for the result
    #[arg(long, default_value = "")]
    pub name: String,
    /// Seconds without anything from the server until an awaited message counts as lost
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    pub patience: f64,
}

impl Target {
    pub fn address(&self) -> Result<SocketAddr> {
        let mut found =
            self.to.to_socket_addrs().with_context(|| format!("--to {}: no such address", self.to))?;
        found.next().with_context(|| format!("--to {}: a name without an address", self.to))
    }

    pub fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.patience)
    }
}

/// A duration on the command line.
pub fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds @ 0.0..=86_400.0) => Ok(seconds),
        _ => Err("must be a number of seconds from 0 to 86400".to_owned()),
    }
}

/// A message size on the command line.
pub fn size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size @ 12..=0x100_0000) => Ok(size),
        _ => Err("must be from 12, which name a message, to 16777216 bytes".to_owned()),
    }
}

/// A number of things.
pub fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count @ 1..=1_000_000_000) => Ok(count),
        _ => Err("must be a number of at least 1".to_owned()),
    }
}
