//! What an operator should read: to the logger if there is one, else to standard error.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use ext_php_rs::types::ZendHashTable;

use super::{
    server::Server,
    session::Session,
    thrown::{Thrown, warn},
    values,
};
use crate::{
    config::Origins,
    queue::{LogLevel, LogRecord},
};

/// One line for each listener, and the ceiling.
pub(super) fn started(server: &Server, addresses: &[String], ceiling: usize) -> Result<(), Thrown> {
    for address in addresses {
        line(server, LogLevel::Info, &format!("listening on {address}"), &[("address", address.clone())])?;
    }
    if server.config.origins == Origins::Any {
        line(
            server,
            LogLevel::Warning,
            "every web page may connect: the option origins is ['*']; list the pages that shall",
            &[("option", "origins".to_owned())],
        )?;
    }
    let max = server.config.limits.max_connections;
    let why = if ceiling < max { "what the limit of open files leaves" } else { "limits.maxConnections" };
    line(
        server,
        LogLevel::Info,
        &format!("ceiling: {ceiling} connections ({why})"),
        &[("connections", ceiling.to_string())],
    )
}

/// What was drained.
pub(super) fn stopped(server: &Server, session: &Session) -> Result<(), Thrown> {
    let Some(stopping) = session.stopping() else { return Ok(()) };
    let took = Instant::now().saturating_duration_since(stopping.since).as_secs_f64();
    let connections = stopping.connections;
    line(
        server,
        LogLevel::Info,
        &format!("stopped: {connections} connections drained in {took:.1} s"),
        &[("connections", connections.to_string()), ("seconds", format!("{took:.3}"))],
    )
}

pub(super) fn shard_panicked(server: &Server, shard: usize, panic: &str) -> Result<(), Thrown> {
    let context = [("shard", shard.to_string()), ("panic", panic.to_owned())];
    line(server, LogLevel::Error, "a network thread has panicked; the server stops", &context)
}

/// A record of the core.
pub(super) fn record(server: &Server, record: &LogRecord) -> Result<(), Thrown> {
    let context: Vec<_> = record.context.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    line(server, record.level, &record.message, &context)
}

fn line(server: &Server, level: LogLevel, message: &str, context: &[(&str, String)]) -> Result<(), Thrown> {
    let message = format!("ferrite {} {message}", env!("CARGO_PKG_VERSION"));
    let Some(logger) = &server.logger else {
        let mut text = message;
        if level != LogLevel::Info {
            text.insert_str(0, &format!("{}: ", level.as_str()));
            for (key, value) in context {
                text.push_str(&format!(", {key}: {value}"));
            }
        }
        // A standard error that is closed is nobody's problem.
        let _ = writeln!(std::io::stderr(), "{text}");
        return Ok(());
    };
    let mut array = ZendHashTable::new();
    for (key, value) in context {
        let _ = array.insert(*key, values::text(value.as_bytes()));
    }
    let arguments =
        [values::text(level.as_str().as_bytes()), values::text(message.as_bytes()), values::array(array)];
    match server.ask(logger.clone(), arguments, None, |_| ())? {
        Ok(()) => Ok(()),
        Err(error) => warn(error),
    }
}

/// Between two lines about what clients can do again and again.
pub(super) const INTERVAL: Duration = Duration::from_secs(10);
