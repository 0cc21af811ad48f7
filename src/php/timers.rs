//! `Ferrite\Timer`, and the timers of a server.

use std::{
    cell::RefCell,
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    rc::Rc,
    time::{Duration, Instant},
};

use ext_php_rs::types::Zval;

use super::{
    call::{Call, handler},
    callback::Callback,
    class::{BadDeclaration, Declaration, Kind},
    objects::{Meta, Native, Owned, create},
    thrown::Thrown,
};

/// The timers of one server, by due time, then in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct Timers {
    inner: RefCell<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// May name timers that are cancelled: those are skipped.
    queue: BinaryHeap<Reverse<(Instant, u64)>>,
    timers: HashMap<u64, Entry>,
    last: u64,
}

#[derive(Debug, Clone)]
struct Entry {
    callback: Rc<Callback>,
    period: Option<Duration>,
}

/// The end of a turn: what becomes due later waits for the next one, so that a callback that sets
/// the next timer for at once cannot keep the loop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn {
    now: Instant,
    last: u64,
}

/// The state of a `Timer` object.
#[derive(Debug)]
pub(super) struct Timer {
    id: u64,
    timers: Rc<Timers>,
}

impl Native for Timer {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }
}

pub(super) fn declare() -> Result<(), BadDeclaration> {
    Timer::class().declare(&Declaration {
        name: "Ferrite\\Timer",
        kind: Kind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[
            ("private function __construct()", Some(handler(super::not_constructible))),
            ("public function cancel(): void", Some(handler(cancel))),
        ],
        create: Some(create::<Timer>),
    })
}

impl Timers {
    /// Sets a timer; with a period it goes on until it is cancelled.
    pub(super) fn set(
        self: &Rc<Self>,
        after: Duration,
        period: Option<Duration>,
        callback: Rc<Callback>,
    ) -> Option<Owned<Timer>> {
        let id = {
            let mut inner = self.inner.borrow_mut();
            inner.last += 1;
            let id = inner.last;
            inner.timers.insert(id, Entry { callback, period });
            inner.queue.push(Reverse((Instant::now() + after, id)));
            id
        };
        Owned::new(Timer { id, timers: self.clone() })
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let mut inner = self.inner.borrow_mut();
        while let Some(Reverse((due, id))) = inner.queue.peek().copied() {
            if inner.timers.contains_key(&id) {
                return Some(due);
            }
            inner.queue.pop();
        }
        None
    }

    /// Begins a turn.
    pub(super) fn turn(&self) -> Turn {
        Turn { now: Instant::now(), last: self.inner.borrow().last }
    }

    /// Takes the next callback that is due in this turn. Turns of a period that were missed are not
    /// made up.
    pub(super) fn take_due(&self, turn: Turn) -> Option<Rc<Callback>> {
        let mut inner = self.inner.borrow_mut();
        loop {
            let Reverse((due, id)) = inner.queue.peek().copied()?;
            if due > turn.now || id > turn.last {
                return None;
            }
            inner.queue.pop();
            let Some(entry) = inner.timers.get(&id).cloned() else { continue };
            match entry.period {
                None => drop(inner.timers.remove(&id)),
                Some(period) => {
                    let next = due + period;
                    let next = if next > turn.now { next } else { turn.now + period };
                    inner.queue.push(Reverse((next, id)));
                }
            }
            return Some(entry.callback);
        }
    }

    /// Forgets all.
    pub(super) fn clear(&self) {
        let old = {
            let mut inner = self.inner.borrow_mut();
            inner.queue.clear();
            std::mem::take(&mut inner.timers)
        };
        // Dropped with nothing borrowed: a closure's end may run a destructor of the script.
        drop(old);
    }

    /// For the cycle collector.
    pub(super) fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        if let Ok(inner) = self.inner.try_borrow() {
            inner.timers.values().for_each(|entry| found(entry.callback.zval()));
        }
    }
}

fn cancel(call: &mut Call<'_>) -> Result<(), Thrown> {
    let timer = call.this::<Timer>()?;
    let entry = timer.timers.inner.borrow_mut().timers.remove(&timer.id);
    drop(entry);
    Ok(())
}
