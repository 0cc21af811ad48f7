//! The two queues between one shard and the consumer of its events.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    task,
};

use super::{
    Command, CreditBell, Event, Rest, Sleeper, Waker,
    lane::{Consumer, Producer, lane},
};

/// Makes the four ends of a link: events from the shard, commands to it.
///
/// `consumer` and `waker` are the consumer's, one for all shards.
pub fn link(consumer: Arc<Sleeper>, waker: Waker) -> (EventQueue, Events, CommandQueue, Commands) {
    let (event_producer, events) = lane();
    let (command_producer, commands) = lane();
    let shared = Arc::new(Shared::default());
    (
        EventQueue { lane: event_producer, consumer, waker, pushed: false },
        Events(events),
        CommandQueue { lane: command_producer, shared: shared.clone() },
        Commands { lane: commands, shared, heard: 0 },
    )
}

/// The shard's end for events.
#[derive(Debug)]
pub struct EventQueue {
    lane: Producer<Event>,
    consumer: Arc<Sleeper>,
    waker: Waker,
    pushed: bool,
}

impl EventQueue {
    /// Appends an event; the consumer is woken by [`flush`](Self::flush).
    pub fn push(&mut self, event: Event) {
        // It is refused only if the consumer is gone, and then nobody is there to miss it.
        self.pushed |= self.lane.push(event);
    }

    /// Ends a batch: wakes the consumer if it sleeps and there is something new.
    pub fn flush(&mut self) {
        if std::mem::take(&mut self.pushed) && self.consumer.must_wake() {
            self.waker.wake();
        }
    }

    /// Wakes the consumer though nothing happened.
    pub fn ring(&self) {
        if self.consumer.must_wake() {
            self.waker.wake();
        }
    }

    /// Whether the consumer is at work, so that more commands are likely to come.
    pub fn consumer_is_awake(&self) -> bool {
        self.consumer.is_awake()
    }
}

/// The consumer's end for events.
#[derive(Debug)]
pub struct Events(Consumer<Event>);

impl Events {
    /// The next event, if there is one.
    pub fn pop(&mut self) -> Option<Event> {
        self.0.pop()
    }

    /// Whether no event waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What both ends of the commands look at.
#[derive(Debug, Default)]
struct Shared {
    sleeper: Sleeper,
    /// Has somebody take the shard's turn; set before its first.
    waker: OnceLock<task::Waker>,
    /// Rings when credit comes back for which a connection of the shard waits.
    credit: CreditBell,
    /// Bytes of frames given to the shard: written by the producer alone.
    given: AtomicU64,
    /// Bytes of those frames that the shard has taken: written by the shard alone.
    taken: AtomicU64,
    /// Bytes that wait in the outboxes of the shard: written by the shard alone.
    waiting: AtomicUsize,
    /// Bytes of messages that the consumer is done with: written by the consumer alone.
    consumed: AtomicU64,
    /// Set when the shard's end is dropped: nothing will be taken any more.
    gone: AtomicBool,
    /// Set when the shard is to end at once.
    ended: AtomicBool,
}

/// The producer's end for commands.
#[derive(Debug)]
pub struct CommandQueue {
    lane: Producer<Command>,
    shared: Arc<Shared>,
}

impl CommandQueue {
    /// Appends a command that brings `bytes` of frames. False if the shard is gone.
    pub fn push(&mut self, command: Command, bytes: usize) -> bool {
        if bytes > 0 {
            // One producer a link: a plain load and store, not a read-modify-write.
            let given = self.shared.given.load(Ordering::Relaxed);
            self.shared.given.store(given + bytes as u64, Ordering::Relaxed);
        }
        self.lane.push(command)
    }

    /// After the first command of a batch: wakes a shard that would not look by itself.
    pub fn wake_early(&self) {
        if self.shared.sleeper.must_wake_early() {
            self.wake();
        }
    }

    /// Ends a batch: wakes the shard if it rests.
    pub fn flush(&self) {
        if self.shared.sleeper.must_wake() {
            self.wake();
        }
    }

    /// In the middle of a batch: has the shard look now, though the batch is not over.
    pub fn press(&self) {
        if self.shared.sleeper.must_wake_now() {
            self.wake();
        }
    }

    /// Counts a message that the consumer is done with.
    pub fn consumed(&self, bytes: usize) {
        let consumed = self.shared.consumed.load(Ordering::Relaxed);
        self.shared.consumed.store(consumed + bytes as u64, Ordering::Release);
    }

    /// Says that credit came back, if a connection of the shard waits for it.
    pub fn return_credit(&self) {
        if self.shared.credit.ring() {
            self.flush();
        }
    }

    /// Bytes of frames on their way through the queue, not yet taken by the shard.
    pub fn in_transit(&self) -> usize {
        let taken = self.shared.taken.load(Ordering::Acquire);
        self.shared.given.load(Ordering::Relaxed).saturating_sub(taken) as usize
    }

    /// Bytes that wait in the outboxes of the shard.
    pub fn waiting(&self) -> usize {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Whether the shard has ended, so that nothing in the queue will ever be taken.
    pub fn is_gone(&self) -> bool {
        self.shared.gone.load(Ordering::Acquire)
    }

    /// What ends the shard, whoever holds the queue.
    pub fn ender(&self) -> Ender {
        Ender { shared: self.shared.clone() }
    }

    fn wake(&self) {
        self.shared.wake();
    }
}

/// Ends a shard at once.
#[derive(Debug)]
pub struct Ender {
    shared: Arc<Shared>,
}

impl Ender {
    /// Has the shard drop every connection and end its thread.
    pub fn end(&self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        if self.shared.sleeper.must_wake_now() {
            self.shared.wake();
        }
    }
}

impl Shared {
    fn wake(&self) {
        // Not set: the shard has not begun and looks at its queue before it first rests.
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}

/// The shard's end for commands.
#[derive(Debug)]
pub struct Commands {
    lane: Consumer<Command>,
    shared: Arc<Shared>,
    /// The ring of the bell that was heard last.
    heard: u32,
}

impl Commands {
    /// The next command, if there is one.
    pub fn pop(&mut self) -> Option<Command> {
        self.lane.pop()
    }

    /// Whether the shard is to end at once.
    pub fn is_ended(&self) -> bool {
        self.shared.ended.load(Ordering::SeqCst)
    }

    /// Whether a command waits.
    pub fn is_empty(&self) -> bool {
        self.lane.is_empty()
    }

    /// Tells how to wake this shard. Once, before its first turn.
    pub fn set_waker(&self, waker: task::Waker) {
        let _ = self.shared.waker.set(waker);
    }

    /// Announces a rest. False if there is something to do after all: then the shard is awake.
    pub fn announce(&self, rest: Rest) -> bool {
        self.shared.sleeper.announce(rest);
        if self.lane.is_empty() && !self.shared.credit.has_rung(self.heard) && !self.is_ended() {
            return true;
        }
        self.shared.sleeper.rise();
        false
    }

    /// Says that the producer takes the shard's next turn, after its batch.
    pub fn lend(&self) {
        self.shared.sleeper.announce(Rest::Lent);
    }

    /// Ends a rest.
    pub fn rise(&self) {
        self.shared.sleeper.rise();
    }

    /// Says whether a connection waits for credit. The caller looks at the credit once more after
    /// it said so.
    pub fn set_starved(&self, starved: bool) {
        self.shared.credit.listen(starved);
    }

    /// Whether credit came back since the last call.
    pub fn credit_came(&mut self) -> bool {
        self.shared.credit.heard(&mut self.heard)
    }

    /// Bytes of messages that the consumer is done with.
    pub fn consumed(&self) -> u64 {
        self.shared.consumed.load(Ordering::Acquire)
    }

    /// Tells the producer how many bytes of frames were taken in all, and how many wait.
    pub fn report(&self, taken: u64, waiting: usize) {
        self.shared.waiting.store(waiting, Ordering::Relaxed);
        self.shared.taken.store(taken, Ordering::Release);
    }
}

impl Drop for Commands {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Release);
    }
}
