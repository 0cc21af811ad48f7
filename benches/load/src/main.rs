//! Load for WebSocket servers, as one JSON line a run; and servers to compare with. See `ferrite-load --help`
//! and benches/README.md.
//!
//! It speaks to any server by its address. One thread, raw frames, no task or timer per connection: it must
//! cost less than any server that it measures. Every message names its sender and its place, and every byte
//! that comes back is compared: one that is missing, changed or out of order is an error, not a number.

mod audience;
mod closed_loop;
mod connection;
mod inbound;
mod mode;
mod opening;
mod outbound;
mod paced;
mod process;
mod reactor;
mod report;
mod serve;
mod stamp;
mod target;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Load for WebSocket servers: one JSON line a run, exit code 1 if a message was lost, changed or reordered
#[derive(Parser)]
#[command(name = "ferrite-load", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Echo(mode::echo::Echo),
    FanOut(mode::fan_out::FanOut),
    Idle(mode::idle::Idle),
    Handshakes(mode::handshakes::Handshakes),
    Slow(mode::slow::Slow),
    Flat(mode::flat::Flat),
    Serve(serve::Serve),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ferrite-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    process::raise_file_limit()?;
    let report = match command {
        Command::Echo(mode) => mode.run()?,
        Command::FanOut(mode) => mode.run()?,
        Command::Idle(mode) => mode.run()?,
        Command::Handshakes(mode) => mode.run()?,
        Command::Slow(mode) => mode.run()?,
        Command::Flat(mode) => mode.run()?,
        Command::Serve(serve) => return serve.run(),
    };
    println!("{}", report.line());
    Ok(())
}
