//! The two queues between one shard and the consumer of its events.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task,
};

use super::{
    Command, CreditNotifier, Event, Parker, Rest, Waker,
    spsc::{self, channel},
};

/// Makes the four ends of a link: events from the shard, commands to it.
///
/// `consumer` and `waker` are the consumer's, one for all shards.
pub fn link(
    consumer: Arc<Parker>,
    waker: Waker,
) -> (EventSender, EventReceiver, CommandSender, CommandReceiver) {
    let (event_producer, events) = channel();
    let shared = Arc::new(Shared::default());
    let (queue, lane) = command_lane(shared.clone(), false);
    (
        EventSender { lane: event_producer, consumer, waker, pushed: false },
        EventReceiver(events),
        queue,
        CommandReceiver { lane, beside: None, shared, heard: 0 },
    )
}

fn command_lane(shared: Arc<Shared>, beside: bool) -> (CommandSender, CommandLane) {
    let (producer, consumer) = channel();
    let flow = Arc::new(Flow::default());
    (
        CommandSender { lane: producer, flow: flow.clone(), shared, beside },
        CommandLane { lane: consumer, flow, taken: 0 },
    )
}

/// The shard's end for events.
#[derive(Debug)]
pub struct EventSender {
    lane: spsc::Sender<Event>,
    consumer: Arc<Parker>,
    waker: Waker,
    pushed: bool,
}

impl EventSender {
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
pub struct EventReceiver(spsc::Receiver<Event>);

impl EventReceiver {
    /// The next event, if there is one.
    pub fn pop(&mut self) -> Option<Event> {
        self.0.pop()
    }

    /// Whether no event waits.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What both ends of one lane of commands look at.
#[derive(Debug, Default)]
struct Flow {
    /// Bytes of commands given to the shard: written by the producer alone.
    given: AtomicU64,
    /// Bytes of those that the shard has taken: written by the shard alone.
    taken: AtomicU64,
}

/// What both ends of all commands look at.
#[derive(Debug, Default)]
struct Shared {
    sleeper: Parker,
    /// Has somebody take the shard's turn; set before its first.
    waker: OnceLock<task::Waker>,
    /// Rings when credit comes back for which a connection of the shard waits.
    credit: CreditNotifier,
    /// Bytes of messages, and of requests' bodies, that the consumer is done with: written by the consumer alone.
    consumed: AtomicU64,
    answered: AtomicU64,
    /// Set when the shard's end is dropped: nothing will be taken any more.
    gone: AtomicBool,
    /// Set when the shard is to end at once.
    ended: AtomicBool,
}

/// The producer's end for commands.
#[derive(Debug)]
pub struct CommandSender {
    lane: spsc::Sender<Command>,
    flow: Arc<Flow>,
    shared: Arc<Shared>,
    /// Whether the producer is another than the consumer of the shard's events.
    beside: bool,
}

impl CommandSender {
    /// Appends a command. False if the shard is gone.
    pub fn push(&mut self, command: Command) -> bool {
        // One producer a lane: a plain load and store, not a read-modify-write.
        let given = self.flow.given.load(Ordering::Relaxed);
        self.flow.given.store(given + command.size() as u64, Ordering::Relaxed);
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
        let sleeper = &self.shared.sleeper;
        // The consumer may be the one who takes the shard's next turn; nobody else is.
        let must = if self.beside { sleeper.must_wake_now() } else { sleeper.must_wake() };
        if must {
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

    /// Counts a request that the consumer has answered, by the bytes of its body.
    pub fn answered(&self, bytes: usize) {
        let answered = self.shared.answered.load(Ordering::Relaxed);
        self.shared.answered.store(answered + bytes as u64, Ordering::Release);
    }

    /// Says that credit came back, if a connection of the shard waits for it.
    pub fn return_credit(&self) {
        if self.shared.credit.ring() {
            self.flush();
        }
    }

    /// Bytes of commands on their way through the queue, not yet taken by the shard.
    pub fn in_transit(&self) -> usize {
        let taken = self.flow.taken.load(Ordering::Acquire);
        self.flow.given.load(Ordering::Relaxed).saturating_sub(taken) as usize
    }

    /// Whether the shard has ended, so that nothing in the queue will ever be taken.
    pub fn is_gone(&self) -> bool {
        self.shared.gone.load(Ordering::Acquire)
    }

    /// Whether its orders come from somebody else than the consumer.
    pub fn is_beside(&self) -> bool {
        self.beside
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
pub struct CommandReceiver {
    lane: CommandLane,
    /// CommandReceiver of somebody else than the consumer.
    beside: Option<CommandLane>,
    shared: Arc<Shared>,
    /// The ring of the bell that was heard last.
    heard: u32,
}

/// The shard's end of one lane.
#[derive(Debug)]
struct CommandLane {
    lane: spsc::Receiver<Command>,
    flow: Arc<Flow>,
    /// Bytes of commands taken from it.
    taken: u64,
}

impl CommandLane {
    fn pop(&mut self) -> Option<Command> {
        let command = self.lane.pop()?;
        self.taken += command.size() as u64;
        Some(command)
    }
}

impl CommandReceiver {
    /// Opens a way into the shard for one more thread, beside the consumer. Once, before the shard's first turn.
    ///
    /// What comes by it keeps its own order; between the two there is none.
    pub fn open_beside(&mut self) -> CommandSender {
        let (queue, lane) = command_lane(self.shared.clone(), true);
        self.beside = Some(lane);
        queue
    }

    /// The consumer's next command, if there is one.
    pub fn pop(&mut self) -> Option<Command> {
        self.lane.pop()
    }

    /// The next command of whoever is beside the consumer.
    pub fn pop_beside(&mut self) -> Option<Command> {
        self.beside.as_mut()?.pop()
    }

    /// Whether the shard is to end at once.
    pub fn is_ended(&self) -> bool {
        self.shared.ended.load(Ordering::SeqCst)
    }

    /// Whether no command waits.
    pub fn is_empty(&self) -> bool {
        self.lane.lane.is_empty() && self.is_empty_beside()
    }

    /// Whether no command of the consumer's waits.
    pub fn has_heard_consumer(&self) -> bool {
        self.lane.lane.is_empty()
    }

    fn is_empty_beside(&self) -> bool {
        self.beside.as_ref().is_none_or(|beside| beside.lane.is_empty())
    }

    /// Tells how to wake this shard. Once, before its first turn.
    pub fn set_waker(&self, waker: task::Waker) {
        let _ = self.shared.waker.set(waker);
    }

    /// Announces a rest. False if there is something to do after all: then the shard is awake.
    pub fn announce(&self, rest: Rest) -> bool {
        self.shared.sleeper.announce(rest);
        if self.is_empty() && !self.shared.credit.has_rung(self.heard) && !self.is_ended() {
            return true;
        }
        self.shared.sleeper.rise();
        false
    }

    /// Says that the consumer takes the shard's next turn, after its batch. False if somebody beside it has said
    /// something that cannot wait so long: then the shard is awake.
    #[must_use]
    pub fn lend(&self) -> bool {
        self.shared.sleeper.announce(Rest::Lent);
        if self.is_empty_beside() {
            return true;
        }
        self.shared.sleeper.rise();
        false
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

    /// Bytes of the bodies of requests that the consumer has answered.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Acquire)
    }

    /// Tells the producers how many bytes of what they gave were taken.
    pub fn report(&self) {
        for lane in [Some(&self.lane), self.beside.as_ref()].into_iter().flatten() {
            lane.flow.taken.store(lane.taken, Ordering::Release);
        }
    }
}

impl Drop for CommandReceiver {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Release);
    }
}
