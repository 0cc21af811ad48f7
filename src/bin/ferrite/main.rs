//! The program `ferrite`: serves a PHP script with several workers, and manages servers that run.
//!
//! It has no PHP in it. The options of the server are those of the script.

#![allow(clippy::print_stdout, clippy::print_stderr)] // It speaks to its user.

mod find;
mod manage;
mod options;
mod report;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use options::{Command, Options};

fn main() -> ExitCode {
    let done = match Options::parse().command {
        Command::Serve(options) => serve::serve(options),
        Command::Reload(options) => manage::reload(options.script.as_deref()),
        Command::Status(options) => manage::status(options.script.as_deref(), options.json),
        Command::Stop(options) => manage::stop(options.script.as_deref(), options.grace),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("ferrite: {}", failure.message);
            ExitCode::from(failure.code)
        }
    }
}

/// The message and the exit code of a command that was not carried out.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The server did not start, a reload has failed, or a server does not answer.
pub(crate) const FAILED: u8 = 1;
/// The command line cannot be carried out. clap has the same code.
pub(crate) const USAGE: u8 = 2;
/// No such server runs.
pub(crate) const NOT_RUNNING: u8 = 3;
