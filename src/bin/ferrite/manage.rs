//! `ferrite reload`, `ferrite status` and `ferrite stop`.

use std::path::Path;

use ferrite::{
    front::management::{Answer, Request},
    log::plain,
};

use crate::{
    FAILED, Failure,
    find::{SHORT, find},
    report,
};

pub(crate) fn reload(script: Option<&Path>) -> Result<(), Failure> {
    // A script may take its time to start, and its workers are given up when they die.
    match find(script)?.ask(&Request::Reload)?.answer(None)? {
        Answer::Reloaded { generation, seconds } => {
            report::print(&format!("reloaded: generation {generation} serves after {seconds:.3} s\n"))
        }
        Answer::Failed { reason } => {
            let reason: Vec<_> = reason.lines().map(|line| plain(line.as_bytes(), MOST_LINE)).collect();
            let reason = reason.join("\n");
            Err(Failure::new(FAILED, format!("the reload has failed and changes nothing: {reason}")))
        }
        _ => Err(unexpected()),
    }
}

pub(crate) fn status(script: Option<&Path>, json: bool) -> Result<(), Failure> {
    match find(script)?.ask(&Request::Status)?.answer(Some(SHORT))? {
        Answer::Status(status) if json => {
            let text = serde_json::to_string_pretty(&status);
            let text = text.map_err(|error| Failure::new(FAILED, error.to_string()))?;
            report::print(&(text + "\n"))
        }
        Answer::Status(status) => report::print(&report::table(&status)),
        Answer::Failed { reason } => Err(Failure::new(FAILED, reason)),
        _ => Err(unexpected()),
    }
}

pub(crate) fn stop(script: Option<&Path>, grace: f64) -> Result<(), Failure> {
    let mut asked = find(script)?.ask(&Request::Stop { grace: Some(grace) })?;
    match asked.answer(Some(SHORT))? {
        Answer::Stopping { pid } => {
            asked.wait_for_end();
            report::print(&format!("stopped: {pid}\n"))
        }
        Answer::Failed { reason } => Err(Failure::new(FAILED, reason)),
        _ => Err(unexpected()),
    }
}

/// Bytes of a line of PHP's error.
const MOST_LINE: usize = 2000;

fn unexpected() -> Failure {
    Failure::new(FAILED, "the server has given the answer to another question")
}
