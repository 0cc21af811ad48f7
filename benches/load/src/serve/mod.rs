//! Servers to load, one file each. Messages on `/echo` go back, messages on `/publish` go to all clients on
//! `/subscribe`.

mod by_task;
mod core;
mod plain;
mod sockudo_ws;
mod tungstenite;
mod yawc;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Serve until killed, on 127.0.0.1; the first line printed is the address
#[derive(Args)]
pub struct Serve {
    #[command(subcommand)]
    which: Which,
    /// 0 takes a free one
    #[arg(long, global = true, default_value_t = 0)]
    port: u16,
}

#[derive(Subcommand)]
enum Which {
    /// Ferrite's own core without PHP: the upper bound for PHP
    Core {
        /// Threads for the network
        #[arg(long, default_value_t = 1)]
        io_threads: usize,
    },
    /// tokio-tungstenite, one thread
    Tungstenite,
    /// sockudo-ws, one thread
    SockudoWs,
    /// yawc, one thread
    Yawc,
    /// Nothing but framing, echo only: the upper bound for the generator
    Plain {
        /// Do something wrong with every hundredth message of a connection, to see it noticed
        #[arg(long)]
        fault: Option<plain::Fault>,
    },
}

impl Serve {
    pub fn run(self) -> Result<()> {
        match self.which {
            Which::Core { io_threads } => core::serve(self.port, io_threads),
            Which::Tungstenite => tungstenite::serve(self.port),
            Which::SockudoWs => sockudo_ws::serve(self.port),
            Which::Yawc => yawc::serve(self.port),
            Which::Plain { fault } => Ok(plain::serve(self.port, fault)?),
        }
    }
}
