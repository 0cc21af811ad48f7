//! The operator's log on standard error: lines that neither wait for a reader nor let text from clients deceive it.

mod plain;
pub mod stderr;

use crate::queue::LogLevel;
pub use plain::plain;

/// Writes a line to standard error, with its context, as this process's own.
pub fn line<'a>(level: LogLevel, message: &str, context: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let mut text = headline(message);
    if level != LogLevel::Info {
        text.insert_str(0, &format!("{}: ", level.as_str()));
        for (key, value) in context {
            text.push_str(&format!(", {key}: {}", plain(value.as_bytes(), LONGEST_VALUE)));
        }
    }
    // One byte is for the line break.
    stderr::line(&plain(text.as_bytes(), stderr::LONGEST - 1));
}

/// The message as every logger gets it: with the version before it.
pub fn headline(message: &str) -> String {
    plain(format!("ferrite {} {message}", env!("CARGO_PKG_VERSION")).as_bytes(), LONGEST_MESSAGE)
}

/// Bytes of a message in the log.
const LONGEST_MESSAGE: usize = 2000;
/// Bytes of a value of its context.
pub const LONGEST_VALUE: usize = 1000;
