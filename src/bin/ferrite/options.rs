//! The command line.

use std::{ffi::OsString, path::PathBuf};

use clap::{Args, Parser, Subcommand, builder::NonEmptyStringValueParser};

/// Serves PHP WebSocket servers with several workers, and manages those that run.
#[derive(Debug, Parser)]
#[command(name = "ferrite", version, after_help = CODES, max_term_width = 100)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Serve),
    Reload(Reload),
    Status(Status),
    Stop(Stop),
}

/// Run the server of a script with several PHP workers, in the foreground.
///
/// The options of the server are those that the script gives. The signals TERM and INT stop it, HUP and USR1 reload the
/// script.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the server was stopped; 1 it did not start, or broke; 2 the command line; \
    otherwise that of a script that ended without running a server.\n\
    \nExample: ferrite serve -d extension=ferrite app.php --workers 4 -- --env=production"
)]
pub(crate) struct Serve {
    /// The PHP script.
    pub(crate) script: PathBuf,
    /// PHP processes; otherwise FERRITE_WORKERS, the script's own number, or one for each processor but at most 4.
    #[arg(long, short, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) workers: Option<u16>,
    /// The PHP to run, a path or a name on PATH.
    #[arg(long, value_name = "PATH", default_value = "php")]
    pub(crate) php: PathBuf,
    /// A setting for PHP, as PHP itself takes it; may be given several times.
    #[arg(short = 'd', value_name = "KEY=VALUE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) define: Vec<String>,
    /// Arguments of the script.
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) arguments: Vec<OsString>,
}

/// Load the script anew: new workers take over when all of them are ready, and no connection is closed.
///
/// Returns when the new workers serve. If they do not get ready, the old ones go on.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the new workers serve; 1 they do not, and the old ones go on; 2 the command \
    line, or several servers run; 3 no such server runs."
)]
pub(crate) struct Reload {
    /// The script of the server; may be left out if only one runs.
    pub(crate) script: Option<PathBuf>,
}

/// Show a server and its workers.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the server runs; 1 it does not answer; 2 the command line, or several servers \
    run; 3 no such server runs."
)]
pub(crate) struct Status {
    /// The script of the server; may be left out if only one runs.
    pub(crate) script: Option<PathBuf>,
    /// Print JSON, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Stop a server: clients are told to leave, and the messages that they have sent are handled.
///
/// Returns when the server has ended.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 the server has ended; 1 it does not answer; 2 the command line, or several \
    servers run; 3 no such server runs."
)]
pub(crate) struct Stop {
    /// The script of the server; may be left out if only one runs.
    pub(crate) script: Option<PathBuf>,
    /// Time for clients to leave.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    pub(crate) grace: f64,
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(number) if (0.0..=MOST_GRACE).contains(&number) => Ok(number),
        _ => Err(format!("a number from 0 to {MOST_GRACE} is needed")),
    }
}

const CODES: &str =
    "Exit codes: 0 done; 1 failed; 2 the command line, or several servers run; 3 no such server runs.
`ferrite COMMAND --help` has each command's.";
/// A day.
const MOST_GRACE: f64 = 86_400.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        use clap::CommandFactory;
        Options::command().debug_assert();
    }

    #[test]
    fn a_time_is_a_number_within_a_day() {
        assert_eq!(seconds("2.5"), Ok(2.5));
        for wrong in ["-1", "x", "NaN", "inf", "86401"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
