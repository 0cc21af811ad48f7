//! The runs that are on, and those that end with the script.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};

use super::session::Session;

/// A run begins.
pub(in crate::php) fn begun(session: &Rc<Session>) {
    RUNNING.with(|running| running.borrow_mut().push(Rc::downgrade(session)));
}

/// A run is over.
pub(in crate::php) fn forget_ended() {
    RUNNING.with(|running| running.borrow_mut().retain(|session| session.strong_count() > 0));
}

/// Ends every run that is still on when PHP's request ends: after that no thread of ours may run. All are told before
/// the first is waited for, so that together they take no longer than one.
pub(in crate::php) fn end_all() {
    let running = RUNNING.with(|running| std::mem::take(&mut *running.borrow_mut()));
    for session in running.iter().filter_map(Weak::upgrade) {
        end_later(session);
    }
    await_ends();
}

/// Orders the end of a run without waiting for it: the script ends, and other runs may have to end with it.
pub(in crate::php) fn end_later(session: Rc<Session>) {
    if !session.is_foreign() {
        session.order_abort();
    }
    ENDING.with(|ending| ending.borrow_mut().push(session));
}

/// Waits for the runs whose end was ordered.
pub(in crate::php) fn await_ends() {
    let ending = ENDING.with(|ending| std::mem::take(&mut *ending.borrow_mut()));
    for session in ending {
        if session.is_foreign() {
            // The threads are in another process; their locks must not be touched.
            std::mem::forget(session);
        } else {
            session.await_abort();
        }
    }
}

thread_local! {
    /// As `RUNNING`, and of runs that have let go of every PHP value.
    static ENDING: std::mem::ManuallyDrop<RefCell<Vec<Rc<Session>>>> =
        const { std::mem::ManuallyDrop::new(RefCell::new(Vec::new())) };
    /// Never dropped: a destructor of a thread would run after the module is unloaded.
    static RUNNING: std::mem::ManuallyDrop<RefCell<Vec<Weak<Session>>>> =
        const { std::mem::ManuallyDrop::new(RefCell::new(Vec::new())) };
}
