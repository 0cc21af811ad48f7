//! Which connections of a shard have something to do.
//!
//! The wakers that tokio is given put a connection's slot on a list and wake the shard's one task,
//! which then serves all that are ready in one tick: it reads everything that has arrived before it
//! writes anything, and wakes PHP once.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
};

use parking_lot::Mutex;

/// The list of one shard.
#[derive(Debug, Default)]
pub(super) struct ReadyList {
    slots: Mutex<Vec<Arc<Flag>>>,
    task: OnceLock<Waker>,
}

/// One connection's place on the list: it is there at most once.
#[derive(Debug)]
pub(super) struct Flag {
    slot: u32,
    queued: AtomicBool,
    list: Arc<ReadyList>,
}

impl ReadyList {
    /// Tells how to wake the shard's task. Once.
    pub(super) fn set_task(&self, task: &Waker) {
        let _ = self.task.set(task.clone());
    }

    /// A waker that puts `slot` on the list.
    pub(super) fn waker(self: &Arc<Self>, slot: u32) -> Waker {
        Waker::from(Arc::new(Flag { slot, queued: AtomicBool::new(false), list: self.clone() }))
    }

    /// Moves the list to `into`, which must be empty; its memory becomes the list's.
    pub(super) fn take(&self, into: &mut Vec<Arc<Flag>>) {
        std::mem::swap(&mut *self.slots.lock(), into);
    }

    /// True if no connection is ready.
    pub(super) fn is_empty(&self) -> bool {
        self.slots.lock().is_empty()
    }
}

impl Flag {
    /// Takes the flag down and says whose it was. From now on a wake puts it up again.
    pub(super) fn lower(&self) -> u32 {
        self.queued.store(false, Ordering::Relaxed);
        self.slot
    }
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queued.swap(true, Ordering::Relaxed) {
            return;
        }
        let first = {
            let mut slots = self.list.slots.lock();
            slots.push(self.clone());
            slots.len() == 1
        };
        // If the list has other slots, the task was already woken for them.
        if let Some(task) = self.list.task.get().filter(|_| first) {
            task.wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_on_the_list_once_until_it_is_taken() {
        let list = Arc::new(ReadyList::default());
        let (one, two) = (list.waker(1), list.waker(2));
        one.wake_by_ref();
        two.wake_by_ref();
        one.wake_by_ref();
        let mut taken = Vec::new();
        list.take(&mut taken);
        assert_eq!(taken.iter().map(|flag| flag.lower()).collect::<Vec<_>>(), [1, 2]);
        assert!(list.is_empty());
        one.wake();
        assert!(!list.is_empty());
    }
}
