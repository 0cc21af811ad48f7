//! The last part of a worker's run, when another one takes its place.

use std::time::{Duration, Instant};

use super::{
    dispatch::{detach, dispatch_batch},
    server::Server,
    session::Session,
};
use crate::php::zend::{signals::Mask, thrown::Thrown};

/// In a worker that another one replaces: releases all connections for it.
pub(super) fn detach_all(server: &Server, session: &Session) -> Result<(), Thrown> {
    if !session.consumer().is_retired() {
        return Ok(());
    }
    for client in session.clients() {
        detach(server, session, &client)?;
        drop(session.consumer().close_receipt(&client));
    }
    session.consumer().detached();
    Ok(())
}

/// In a worker that another one replaces: the timers of `after()` still run, within a grace.
pub(super) fn serve_timers_left(server: &Server, session: &Session) -> Result<(), Thrown> {
    if !session.consumer().is_retired() {
        return Ok(());
    }
    let deadline = Instant::now() + TIMERS_GRACE;
    while let Some(due) = server.timers.next_single_due().filter(|due| *due < deadline) {
        let now = Instant::now();
        if due > now && now < deadline {
            let mask = Mask::block_all();
            session.sleep(Some(due), mask);
            mask.restore();
            session.serve_interrupts()?;
        }
        dispatch_batch(server, session)?;
        if now >= deadline {
            break;
        }
    }
    Ok(())
}

/// Time for the timers of a worker that is replaced; the front waits a little longer for its end.
const TIMERS_GRACE: Duration = Duration::from_secs(8);
