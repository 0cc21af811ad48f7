//! A queue for one producer and one consumer: first in, first out, without a bound.
//!
//! Items lie in segments of 64 slots. The producer fills a slot and publishes it with one plain store of a number; the
//! consumer reads that number and takes the published items. So an item costs neither a read-modify-write nor a lock
//! nor an allocation, and it is visible at once: an item that a callback sends arrives also if the callback then
//! blocks. When a segment is full, the producer links a new one to it, and the consumer frees the segments that it has
//! emptied.
//!
//! This module neither sleeps nor wakes: see [`Parker`](super::Parker), whose fence stands between a push and the check
//! of the sleep state. When the consumer is dropped, the items in the queue are dropped, and further items are refused.

#![allow(unsafe_code)] // A published number hands a slot over from one thread to the other.

#[cfg(feature = "loom")]
use loom::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};
#[cfg(not(feature = "loom"))]
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

#[cfg(not(feature = "loom"))]
use cell::UnsafeCell;

/// Makes the two ends of a queue.
pub(super) fn channel<T: Send>() -> (Sender<T>, Receiver<T>) {
    let segment = Arc::new(Segment::new());
    let abandoned = Arc::new(AtomicBool::new(false));
    (
        Sender { segment: segment.clone(), filled: 0, abandoned: abandoned.clone() },
        Receiver { segment, taken: 0, seen: 0, abandoned },
    )
}

/// The producer's end.
#[derive(Debug)]
pub(super) struct Sender<T> {
    /// The last segment.
    segment: Arc<Segment<T>>,
    /// The number of filled slots in that segment.
    filled: usize,
    abandoned: Arc<AtomicBool>,
}

/// The consumer's end.
#[derive(Debug)]
pub(super) struct Receiver<T> {
    /// The first segment that is not empty, or the last.
    segment: Arc<Segment<T>>,
    /// The number of emptied slots in that segment.
    taken: usize,
    /// The number of slots in that segment that were found filled.
    seen: usize,
    abandoned: Arc<AtomicBool>,
}

impl<T: Send> Sender<T> {
    /// Appends an item. Returns false, and drops the item, if the consumer is gone.
    pub(super) fn push(&mut self, item: T) -> bool {
        if self.abandoned.load(Ordering::Relaxed) {
            return false;
        }
        if self.filled == SLOTS {
            let next = Arc::new(Segment::new());
            // Filled before it is linked: a consumer that follows a link finds an item there.
            next.fill(0, item);
            self.segment.link(next.clone());
            self.segment = next;
            self.filled = 1;
        } else {
            self.segment.fill(self.filled, item);
            self.filled += 1;
        }
        true
    }
}

impl<T: Send> Receiver<T> {
    /// Takes the oldest item.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<T> {
        if self.taken == self.seen && !self.refresh() {
            return None;
        }
        let item = self.segment.empty(self.taken);
        self.taken += 1;
        item
    }

    /// True if every item that was pushed has been taken.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.seen && self.segment.filled.load(Ordering::Acquire) == self.taken
    }

    /// Reads the number of published items, and goes on to the next segment if this one is used up. Returns true if an
    /// item can be taken.
    fn refresh(&mut self) -> bool {
        let filled = self.segment.filled.load(Ordering::Acquire);
        if filled == self.taken {
            return false;
        }
        if self.taken == SLOTS {
            let Some(next) = self.segment.follow() else { return false };
            self.segment = next;
            self.taken = 0;
            return self.refresh();
        }
        self.seen = filled.min(SLOTS);
        true
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
        // One segment after the other: each would drop the next inside its own drop, and a long queue would overflow
        // the stack.
        while self.segment.filled.load(Ordering::Acquire) == LINKED
            && let Some(next) = self.segment.follow()
        {
            self.segment = next;
        }
    }
}

/// A fixed number of slots of a queue.
struct Segment<T> {
    /// The number of slots that the producer has filled; `LINKED` once it has also set `next`.
    filled: AtomicUsize,
    slots: [UnsafeCell<Option<T>>; SLOTS],
    next: UnsafeCell<Option<Arc<Segment<T>>>>,
}

// SAFETY: only the producer touches a slot, or `next`, until it has published it by `filled` (release), and only the
// consumer touches it after it has read `filled` (acquire). There is one of each, because neither end can be cloned.
// The last owner, on any thread, drops the rest.
unsafe impl<T: Send> Sync for Segment<T> {}
// SAFETY: as above; items may go to another thread.
unsafe impl<T: Send> Send for Segment<T> {}

impl<T> Segment<T> {
    fn new() -> Self {
        Self {
            filled: AtomicUsize::new(0),
            slots: std::array::from_fn(|_| UnsafeCell::new(None)),
            next: UnsafeCell::new(None),
        }
    }

    /// For the producer: fills slot number `slot`, the first that is not filled.
    #[inline]
    fn fill(&self, slot: usize, item: T) {
        if let Some(place) = self.slots.get(slot) {
            // SAFETY: not published yet, so the consumer does not look at it.
            place.with_mut(|place| unsafe { *place = Some(item) });
        }
        self.filled.store(slot + 1, Ordering::Release);
    }

    /// For the producer: sets the segment after this one, which is full.
    fn link(&self, next: Arc<Self>) {
        // SAFETY: not published yet, so the consumer does not look at it.
        self.next.with_mut(|place| unsafe { *place = Some(next) });
        self.filled.store(LINKED, Ordering::Release);
    }

    /// For the consumer: takes the item of a slot that was found filled.
    #[inline]
    fn empty(&self, slot: usize) -> Option<T> {
        // SAFETY: published, so the producer has done with it.
        self.slots.get(slot)?.with_mut(|place| unsafe { (*place).take() })
    }

    /// For the consumer: takes the segment after this one, which was found linked.
    fn follow(&self) -> Option<Arc<Self>> {
        // SAFETY: published, so the producer has done with it.
        self.next.with_mut(|place| unsafe { (*place).take() })
    }
}

impl<T> std::fmt::Debug for Segment<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segment").field("filled", &self.filled).finish_non_exhaustive()
    }
}

/// Slots of a segment: more make the allocation cheaper per item, fewer take less memory while the queue is idle.
const SLOTS: usize = if cfg!(feature = "loom") { 2 } else { 64 };
const LINKED: usize = SLOTS + 1;

#[cfg(not(feature = "loom"))]
mod cell {
    /// The standard cell with the interface of loom's.
    pub(super) struct UnsafeCell<T>(std::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        pub(super) const fn new(value: T) -> Self {
            Self(std::cell::UnsafeCell::new(value))
        }

        #[inline]
        pub(super) fn with_mut<R>(&self, access: impl FnOnce(*mut T) -> R) -> R {
            access(self.0.get())
        }
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn items_come_out_in_the_order_in_which_they_went_in() {
        let (mut producer, mut consumer) = channel();
        for round in 0..3 * SLOTS {
            assert!(consumer.is_empty() && consumer.pop().is_none());
            (0..round).for_each(|n| assert!(producer.push(n)));
            assert_eq!(consumer.is_empty(), round == 0);
            (0..round).for_each(|n| assert_eq!(consumer.pop(), Some(n)));
        }
    }

    #[test]
    fn two_threads_pass_a_million_items_in_order() {
        let (mut producer, mut consumer) = channel();
        let thread =
            std::thread::spawn(move || (0..1_000_000).for_each(|n| assert!(producer.push(Box::new(n)))));
        for n in 0..1_000_000 {
            let item = loop {
                match consumer.pop() {
                    Some(item) => break item,
                    None => std::thread::yield_now(),
                }
            };
            assert_eq!(*item, n);
        }
        thread.join().unwrap();
        assert!(consumer.is_empty());
    }

    #[test]
    fn the_rest_is_dropped_with_the_consumer_however_much_it_is() {
        let token = Arc::new(());
        let (mut producer, mut consumer) = channel();
        (0..200_000 * SLOTS / 64).for_each(|_| assert!(producer.push(token.clone())));
        drop(consumer.pop());
        drop(consumer);
        assert!(!producer.push(token.clone()));
        drop(producer);
        assert_eq!(Arc::strong_count(&token), 1);
    }
}

#[cfg(all(test, feature = "loom"))]
mod loom_models {
    use loom::thread;

    use super::*;

    #[test]
    fn loom_items_cross_whole_and_in_order_also_from_segment_to_segment() {
        loom::model(|| {
            let (mut producer, mut consumer) = channel();
            let thread = thread::spawn(move || (0..4).for_each(|n| assert!(producer.push(Box::new(n)))));
            let mut next = 0;
            while next < 4 {
                let empty = consumer.is_empty();
                match consumer.pop() {
                    Some(item) => {
                        assert_eq!(*item, next);
                        next += 1;
                    }
                    None => {
                        assert!(empty, "it was not empty, and there is no other consumer");
                        thread::yield_now();
                    }
                }
            }
            thread.join().unwrap();
        });
    }

    #[test]
    fn loom_a_consumer_that_leaves_takes_nothing_with_it_that_is_still_used() {
        loom::model(|| {
            let (mut producer, consumer) = channel();
            let token = Arc::new(());
            let given = token.clone();
            let thread = thread::spawn(move || (0..3).for_each(|_| _ = producer.push(given.clone())));
            drop(consumer);
            thread.join().unwrap();
            assert_eq!(Arc::strong_count(&token), 1);
        });
    }
}
