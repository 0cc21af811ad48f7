//! Servers to load, one file each. All of them serve the same three paths: what comes on `/echo` goes back,
//! what comes on `/publish` goes to everybody on `/subscribe`.

mod core;
mod tungstenite;

use anyhow::Result;
use clap::{Args, ValueEnum};

/// Serve until killed; the first line printed is the address
#[derive(Args)]
pub struct Serve {
    which: Which,
    /// 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Threads for the network, of the core
    #[arg(long, default_value_t = 1)]
    io_threads: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum Which {
    /// Ferrite's own core without PHP: the ceiling of what PHP can reach
    Core,
    /// The server that everybody would write with tokio-tungstenite
    Tungstenite,
}

impl Serve {
    pub fn run(self) -> Result<()> {
        match self.which {
            Which::Core => core::serve(self.port, self.io_threads),
            Which::Tungstenite => tungstenite::serve(self.port),
        }
    }
}
