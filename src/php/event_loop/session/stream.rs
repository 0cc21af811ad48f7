//! The stream on which an event loop of the script's own waits.

use std::io;

use ext_php_rs::types::Zval;

use super::Session;
use crate::php::{event_loop::timers::Timers, zend::stream};

impl Session {
    /// The stream that is readable when there is something to do; made when first asked for, and when the script has
    /// closed the one before.
    pub(in crate::php) fn stream(&self, timers: &Timers) -> io::Result<Option<Zval>> {
        if let Some(stream) = &*self.stream.borrow()
            && stream::is_open(stream)
        {
            return Ok(Some(stream.shallow_clone()));
        }
        let watch = self.consumer.borrow().watch()?;
        let Some(stream) = stream::of(watch)? else { return Ok(None) };
        let given = stream.shallow_clone();
        let closed = self.stream.replace(Some(stream));
        drop(closed);
        self.rest(timers);
        Ok(Some(given))
    }

    /// Before a poll, if an event loop waits on the stream: makes it unreadable.
    pub(in crate::php) fn rise(&self) {
        if self.stream.borrow().is_some() {
            self.consumer.borrow().disarm();
        }
    }

    /// After a poll, if an event loop waits on the stream: makes it readable if there is something to
    /// do, and has it made so when there will be.
    pub(in crate::php) fn rest(&self, timers: &Timers) {
        if self.stream.borrow().is_none() {
            return;
        }
        let due = [timers.next_due(), self.next_notice()].into_iter().flatten().min();
        let ready = !self.pending.borrow().is_empty() || self.is_over();
        self.consumer.borrow_mut().arm(ready, due);
    }
}
