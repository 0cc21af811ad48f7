//! `Ferrite\Timer`, and the timers of a server.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::{Rc, Weak},
    time::{Duration, Instant},
};

use ext_php_rs::types::Zval;

use crate::php::zend::{
    call::{Call, handler, not_constructible},
    callback::Callback,
    class::{BadDeclaration, ClassKind, Declaration},
    objects::{Meta, Native, Owned, create},
    thrown::Thrown,
};

/// The timers of one server, by due time, then in the order of their creation.
#[derive(Debug, Default)]
pub(in crate::php) struct Timers {
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Of every timer when it is due, and which it is.
    queue: BTreeSet<(Instant, u64)>,
    timers: BTreeMap<u64, Entry>,
    last: u64,
}

#[derive(Debug)]
struct Entry {
    due: Instant,
    callback: Callback,
    period: Option<Duration>,
    /// True if it runs in every worker, and not only in the leader.
    is_everywhere: bool,
}

/// The end of a round: timers that become due later wait for the next one, so that a callback that sets the next
/// timer for at once cannot keep the loop.
#[derive(Debug, Clone, Copy)]
pub(in crate::php) struct Round {
    now: Instant,
    last: u64,
}

/// The state of a `Timer` object.
#[derive(Debug)]
pub(in crate::php) struct Timer {
    id: u64,
    /// The server's, which owns them: their callbacks are shown to the cycle collector by the server alone.
    timers: Weak<Timers>,
}

impl Native for Timer {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    Timer::class().declare(&Declaration {
        name: "Ferrite\\Timer",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[
            ("private function __construct()", Some(handler(not_constructible))),
            ("public function cancel(): void", Some(handler(cancel))),
        ],
        create: Some(create::<Timer>),
    })
}

impl Timers {
    /// Sets a timer; with a period it goes on until it is cancelled.
    pub(in crate::php) fn set(
        self: &Rc<Self>,
        after: Duration,
        period: Option<Duration>,
        is_everywhere: bool,
        callback: Callback,
    ) -> Option<Owned<Timer>> {
        let id = {
            let mut inner = self.inner.borrow_mut();
            inner.last += 1;
            let id = inner.last;
            let due = Instant::now() + after;
            inner.timers.insert(id, Entry { due, callback, period, is_everywhere });
            inner.queue.insert((due, id));
            id
        };
        Owned::new(Timer { id, timers: Rc::downgrade(self) })
    }

    /// When the next one is due.
    pub(in crate::php) fn next_due(&self) -> Option<Instant> {
        self.inner.borrow().queue.first().map(|(due, _)| *due)
    }

    /// When the next one is due that is not repeated.
    pub(in crate::php) fn next_single_due(&self) -> Option<Instant> {
        let inner = self.inner.borrow();
        inner.timers.values().filter(|entry| entry.period.is_none()).map(|entry| entry.due).min()
    }

    /// Begins a round.
    pub(in crate::php) fn round(&self) -> Round {
        Round { now: Instant::now(), last: self.inner.borrow().last }
    }

    /// Takes the next callback that is due in this round. Rounds of a period that were missed are not
    /// made up. A worker that is not the leader leaves out the repeated ones that are for the leader.
    pub(in crate::php) fn take_due(&self, round: Round, is_leader: bool) -> Option<Callback> {
        let inner = &mut *self.inner.borrow_mut();
        loop {
            let (due, id) = *inner.queue.first()?;
            if due > round.now || id > round.last {
                return None;
            }
            inner.queue.pop_first();
            let entry = inner.timers.get_mut(&id)?;
            let Some(period) = entry.period else {
                return inner.timers.remove(&id).map(|entry| entry.callback);
            };
            let next = due + period;
            entry.due = if next > round.now { next } else { round.now + period };
            inner.queue.insert((entry.due, id));
            if is_leader || entry.is_everywhere {
                return Some(entry.callback.clone());
            }
        }
    }

    /// Takes a timer away, with all that it needed.
    fn remove(&self, id: u64) -> Option<Entry> {
        let mut inner = self.inner.borrow_mut();
        let entry = inner.timers.remove(&id)?;
        inner.queue.remove(&(entry.due, id));
        Some(entry)
    }

    /// Forgets all; gives their callbacks, to be dropped with nothing borrowed: a closure's end may run a destructor
    /// of the script.
    #[must_use]
    pub(in crate::php) fn clear(&self) -> Vec<Callback> {
        let mut inner = self.inner.borrow_mut();
        inner.queue.clear();
        std::mem::take(&mut inner.timers).into_values().map(|entry| entry.callback).collect()
    }

    /// For the cycle collector.
    pub(in crate::php) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        if let Ok(inner) = self.inner.try_borrow() {
            inner.timers.values().for_each(|entry| found(entry.callback.zval()));
        }
    }
}

fn cancel(call: &mut Call<'_>) -> Result<(), Thrown> {
    let timer = call.this::<Timer>()?;
    let entry = timer.timers.upgrade().and_then(|timers| timers.remove(timer.id));
    // With nothing borrowed or shared: its closure's end may run a destructor of the script.
    drop(entry);
    Ok(())
}
