//! The operator's log: the logger if there is one, else standard error.

use std::time::Instant;

use ext_php_rs::types::ZendHashTable;

use super::{lost_output, server::Server, session::Session};
use crate::{
    config::Origins,
    log,
    php::zend::{
        engine, output,
        thrown::{Thrown, warn},
        values,
    },
    port::{LogLevel, LogRecord},
};

/// One line for each listener, and the ceiling.
pub(in crate::php) fn started(server: &Server, addresses: &[String], ceiling: usize) -> Result<(), Thrown> {
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

/// Reports the drained connections.
pub(in crate::php) fn stopped(server: &Server, session: &Session) -> Result<(), Thrown> {
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

pub(in crate::php) fn shard_panicked(server: &Server, shard: usize, panic: &str) -> Result<(), Thrown> {
    let context = [("shard", shard.to_string()), ("panic", panic.to_owned())];
    line(server, LogLevel::Error, "a network thread has panicked; the server stops", &context)
}

/// Says so if output could not be written, once.
pub(in crate::php) fn output_lost(server: &Server, session: &Session) -> Result<(), Thrown> {
    if !output::is_lost() || session.is_output_lost.replace(true) {
        return Ok(());
    }
    engine::forget_failed_output();
    line(server, LogLevel::Warning, lost_output::OUTPUT_LOST, &[])
}

/// A record of the core.
pub(in crate::php) fn record(server: &Server, record: &LogRecord) -> Result<(), Thrown> {
    let context: Vec<_> = record.context.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    line(server, record.level, &record.message, &context)
}

fn line(server: &Server, level: LogLevel, message: &str, context: &[(&str, String)]) -> Result<(), Thrown> {
    let context = context.iter().map(|(key, value)| (*key, value.as_str()));
    let Some(logger) = &server.logger else {
        log::line(level, message, context);
        return Ok(());
    };
    // Any of it may contain text from clients.
    let message = log::headline(message);
    let mut array = ZendHashTable::new();
    for (key, value) in context {
        let _ = array.insert(key, values::text(log::plain(value.as_bytes(), log::LONGEST_VALUE).as_bytes()));
    }
    let arguments =
        [values::text(level.as_str().as_bytes()), values::text(message.as_bytes()), values::array(array)];
    match server.ask(logger.clone(), arguments, None, |_| ())? {
        Ok(()) => Ok(()),
        Err(error) => warn(error),
    }
}
