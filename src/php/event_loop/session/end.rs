//! The end of a run: in order, or because the script ends.

use ext_php_rs::types::Zval;

use super::{End, Session};
use crate::{php::zend::signals::Mask, port::Event};
use std::time::Duration;

impl Session {
    /// Ends the run without another callback: clients get a close frame, threads are joined.
    pub(in crate::php) fn abort(&self) {
        self.order_abort();
        self.await_abort();
    }

    /// The first half of it, which waits for nobody.
    pub(in crate::php) fn order_abort(&self) {
        if self.runtime.borrow().is_some() {
            self.end_batch();
            self.order_stop(ABORT_GRACE);
        }
    }

    /// The other half.
    pub(in crate::php) fn await_abort(&self) {
        if self.runtime.borrow().is_some() {
            let mask = Mask::block_all();
            // The events that are left close clients, whose PHP values must not end here.
            self.left.replace(self.consumer.borrow().connections().take());
            while !self.are_shards_over() {
                while let Some(delivery) = self.next_event() {
                    if let Event::Stopped { panic: Some(panic), .. } = delivery.event {
                        self.panic.replace(Some(panic));
                    }
                }
                if !self.are_shards_over() {
                    // With every signal blocked: nothing may cut this short, and it is short.
                    self.sleep(None, Mask::block_all());
                }
            }
            mask.restore();
        }
        self.end();
    }

    /// In a worker: tells the front that this process ends, and the fatal error that it ends with.
    pub(in crate::php) fn say_goodbye(&self, error: Option<&str>) {
        self.consumer.borrow().leave(error, self.current.get());
    }

    /// Joins the threads and lets go of everything.
    pub(in crate::php) fn end(&self) {
        // Its end joins the threads; their last events are still in the inbox.
        drop(self.runtime.take());
    }

    /// Begins the orderly end. False if another loop has: then that one does the work.
    pub(in crate::php) fn begin_end(&self) -> bool {
        self.end.get() == End::NotYet && {
            self.end.set(End::Begun);
            true
        }
    }

    /// True if nothing is left of the run.
    pub(in crate::php) fn has_ended(&self) -> bool {
        self.end.get() == End::Done
    }

    /// The end is done: returns every PHP value that was held. The caller releases them, and handles the exceptions
    /// of that.
    #[must_use]
    pub(in crate::php) fn release(&self) -> Vec<Zval> {
        self.end.set(End::Done);
        // Dropped when it is no longer borrowed.
        drop(self.pending.take());
        drop(self.notifier.take());
        self.restore_signals();
        let mut held = self.link.cut();
        let clients = self.consumer.borrow().connections().take();
        for client in self.left.take().into_iter().chain(clients) {
            // A fatal error may have skipped the end of a callback. Held events own their client.
            drop(client.leave());
            held.extend(client.vacate());
        }
        held.extend(self.stream.take());
        held
    }
}

/// Time for the clients' close frames when the script dies.
const ABORT_GRACE: Duration = Duration::from_millis(500);
