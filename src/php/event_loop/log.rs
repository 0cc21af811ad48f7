//! The operator's log: the logger if there is one, else standard error.

use ext_php_rs::types::ZendHashTable;

use super::{lost_output, server::Server, session::Session};
use crate::{
    log,
    php::zend::{
        engine, output,
        thrown::{Thrown, warn},
        values,
    },
    port::{LogLevel, LogRecord},
};

/// Reports the drained connections.
pub(in crate::php) fn stopped(server: &Server, session: &Session) -> Result<(), Thrown> {
    session.stopping().map_or(Ok(()), |stopping| record(server, &stopping.record()))
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
