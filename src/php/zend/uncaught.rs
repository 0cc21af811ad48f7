//! Exceptions that nobody hears, as PHP warnings of one line.
//!
//! The engine's own words for them have line breaks, and the message as it is. A client can choose much of a message;
//! so here it is escaped, and the trace is behind it.

use ext_php_rs::types::ZendObject;

use super::{engine, values};
use crate::log::{plain, stderr};

/// Shows one. No code of the script is asked for words, but its error handler gets the warning.
pub(in crate::php) fn show(exception: &ZendObject) {
    let trace = text(exception, "gettraceasstring");
    let mut line = format!("Uncaught {}", headline(exception));
    let mut earlier = engine::ask(exception, "getprevious");
    for _ in 0..EARLIER {
        let Some(previous) = earlier.object() else { break };
        let (file, number) = place(previous);
        line.push_str(&format!("; after {} in {}:{number}", headline(previous), plain(&file, PART)));
        earlier = engine::ask(previous, "getprevious");
    }
    line.push_str(&format!("; trace: {}", plain(&one_line(trace), TRACE)));
    let line = plain(line.as_bytes(), WHOLE);
    let (file, number) = place(exception);
    let _quiet = Quiet::begin();
    engine::warning(plain(&file, PART).as_bytes(), number, &line);
}

fn headline(exception: &ZendObject) -> String {
    let class = exception.get_class_name().unwrap_or_default();
    format!("{}: {}", plain(class.as_bytes(), PART), plain(&text(exception, "getmessage"), PART))
}

fn place(exception: &ZendObject) -> (Vec<u8>, u32) {
    let line = engine::ask(exception, "getline").long().and_then(|line| u32::try_from(line).ok());
    (text(exception, "getfile"), line.unwrap_or_default())
}

/// The answer of a method of `Exception` and `Error`.
fn text(exception: &ZendObject, method: &str) -> Vec<u8> {
    let said = engine::ask(exception, method);
    match said.zend_str() {
        Some(text) => text.as_bytes().to_vec(),
        // A descendant can have given itself any message.
        None => format!("({})", values::type_name(&said)).into_bytes(),
    }
}

/// While it lives, PHP writes its warnings only where they go at once: not to a standard error, nor an output, that is
/// full because nobody reads it.
struct Quiet {
    before: engine::Reporting,
    meanwhile: engine::Reporting,
}

impl Quiet {
    fn begin() -> Self {
        let before = engine::reporting();
        let mut now = before;
        let to_stderr = (now.logs && now.logs_to_stderr) || now.displays == engine::Displays::OnError;
        if to_stderr && !stderr::is_ready() {
            now.logs &= !now.logs_to_stderr;
            if now.displays == engine::Displays::OnError {
                now.displays = engine::Displays::Nowhere;
            }
            stderr::drop_line();
        }
        if now.displays == engine::Displays::OnOutput && !stderr::is_output_ready() {
            now.displays = engine::Displays::Nowhere;
        }
        if now != before {
            engine::set_reporting(now);
        }
        Self { before, meanwhile: now }
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A setting that an error handler of the script has made meanwhile stays.
        let Self { before, meanwhile } = *self;
        let mut now = engine::reporting();
        if now.logs == meanwhile.logs {
            now.logs = before.logs;
        }
        if now.displays == meanwhile.displays {
            now.displays = before.displays;
        }
        engine::set_reporting(now);
    }
}

/// The engine puts a line break before each step.
fn one_line(mut trace: Vec<u8>) -> Vec<u8> {
    trace.iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
    trace
}

const EARLIER: usize = 4;
const PART: usize = 1000;
const TRACE: usize = 2000;
const WHOLE: usize = 3500;
