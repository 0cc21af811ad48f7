//! Commands to one shard: a queue of the consumer's own, and a channel for all other threads.
//!
//! The consumer, the *primary* producer, sends one message at a time, so its queue is the cheapest there is
//! ([`spsc`]). The *secondary* producers (control API, protocols, presence) share a channel. A secondary command is
//! carried out after every command that the consumer sent before it, and before every command that the consumer sends
//! after it: each carries the position of the consumer's queue at the time when it was sent, and the shard checks the
//! channel before it carries out the consumer's commands that arrived since its last check.
//!
//! Neither queue has a bound; a producer that is too far ahead of the shard [waits](CommandSender::wait_for_room). When
//! the shard ends, its [`CommandReceiver`] is dropped, later commands are dropped, and no producer waits any more.

#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task,
    time::Duration,
};

use crossbeam_channel as channel;

use super::{Command, CreditSender, Ender, Rest, ShardWaker, shard_signals::Shared, spsc};

/// Makes the ends: the sender of the consumer, the sender of all other threads, the receiver of the shard.
pub(super) fn commands() -> (CommandSender, CommandSender, CommandReceiver) {
    let shared = Arc::new(Shared::default());
    let (primary, primary_flow) = (spsc::channel(), Arc::new(Flow::default()));
    let (secondary, secondary_flow) = (channel::unbounded(), Arc::new(Flow::default()));
    let sender =
        |queue, flow: &Arc<Flow>| CommandSender { queue, flow: flow.clone(), shared: shared.clone() };
    (
        sender(Queue::Primary(primary.0), &primary_flow),
        sender(Queue::Secondary(secondary.0, primary_flow.clone()), &secondary_flow),
        CommandReceiver {
            primary: Primary { queue: primary.1, flow: primary_flow, taken: 0, limit: 0 },
            secondary: Secondary {
                channel: secondary.1,
                flow: secondary_flow,
                taken: 0,
                ahead: 0,
                waiting: None,
            },
            shared,
            seen_credit: 0,
        },
    )
}

/// The counters of one queue, in bytes of commands. They only grow.
#[derive(Debug, Default)]
struct Flow {
    /// Written by the producers.
    given: AtomicU64,
    /// Written by the shard.
    taken: AtomicU64,
}

/// A producer's end for commands to one shard.
#[derive(Debug)]
pub struct CommandSender {
    queue: Queue,
    flow: Arc<Flow>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
enum Queue {
    Primary(spsc::Sender<Command>),
    /// With the flow of the primary queue.
    Secondary(channel::Sender<Ordered>, Arc<Flow>),
}

/// A secondary command, and the bytes that the consumer had given when it was sent.
type Ordered = (u64, Command);

impl CommandSender {
    /// Appends a command. Returns false, and drops the command, if the shard is gone.
    pub fn push(&mut self, command: Command) -> bool {
        let size = command.size() as u64;
        match &mut self.queue {
            Queue::Primary(queue) => {
                // One producer: a plain load and store, not a read-modify-write. Release, so that a shard that sees
                // this number also sees the secondary commands that were sent before it.
                let given = self.flow.given.load(Ordering::Relaxed);
                self.flow.given.store(given + size, Ordering::Release);
                queue.push(command)
            }
            Queue::Secondary(channel, primary) => {
                self.flow.given.fetch_add(size, Ordering::Relaxed);
                channel.send((primary.given.load(Ordering::Acquire), command)).is_ok()
            }
        }
    }

    /// Makes one more sender of a secondary producer; `None` for the primary one.
    pub fn secondary(&self) -> Option<Self> {
        let Queue::Secondary(channel, primary) = &self.queue else { return None };
        let queue = Queue::Secondary(channel.clone(), primary.clone());
        Some(Self { queue, flow: self.flow.clone(), shared: self.shared.clone() })
    }

    /// True if the commands come from another thread than the consumer's.
    pub fn is_secondary(&self) -> bool {
        matches!(self.queue, Queue::Secondary(..))
    }

    /// After the first command of a batch: wakes a shard that would not check its queues by itself.
    pub fn wake_early(&self) {
        if self.shared.parker.must_wake_early() {
            self.shared.wake();
        }
    }

    /// Ends a batch: wakes the shard if it rests.
    pub fn flush(&self) {
        let parker = &self.shared.parker;
        // The consumer may be the thread that drives the shard next; no other producer is.
        let must = if self.is_secondary() { parker.must_wake_now() } else { parker.must_wake() };
        if must {
            self.shared.wake();
        }
    }

    /// Wakes the shard now, in the middle of a batch.
    pub fn wake_now(&self) {
        if self.shared.parker.must_wake_now() {
            self.shared.wake();
        }
    }

    /// Waits while more than `most` bytes of commands are on their way to the shard. A shard never waits for the
    /// network, so this waits for processor time only. It gives the queue its bound.
    pub fn wait_for_room(&self, most: usize) {
        while self.is_behind_by(most) {
            self.wake_now();
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// True if more than `most` bytes of commands are on their way to a shard that has not ended.
    pub fn is_behind_by(&self, most: usize) -> bool {
        let taken = self.flow.taken.load(Ordering::Acquire);
        let in_transit = self.flow.given.load(Ordering::Relaxed).saturating_sub(taken) as usize;
        in_transit > most && !self.shared.gone.load(Ordering::Acquire)
    }

    /// Gives the consumer's end for returning credit.
    pub fn credit(&self) -> CreditSender {
        CreditSender::new(&self.shared)
    }

    /// Gives a handle that wakes the shard.
    pub fn waker(&self) -> ShardWaker {
        ShardWaker::new(&self.shared)
    }

    /// Gives a handle that ends the shard.
    pub fn ender(&self) -> Ender {
        Ender::new(&self.shared)
    }
}

/// The shard's end for commands.
#[derive(Debug)]
pub struct CommandReceiver {
    primary: Primary,
    secondary: Secondary,
    shared: Arc<Shared>,
    /// The number of the last notification of credit that the shard has taken.
    seen_credit: u32,
}

#[derive(Debug)]
struct Primary {
    queue: spsc::Receiver<Command>,
    flow: Arc<Flow>,
    /// Bytes of commands taken.
    taken: u64,
    /// The position up to which commands may be taken: every secondary command sent before it has been taken.
    limit: u64,
}

#[derive(Debug)]
struct Secondary {
    channel: channel::Receiver<Ordered>,
    flow: Arc<Flow>,
    /// Bytes of commands taken.
    taken: u64,
    /// The number of commands to take before the primary ones up to the limit.
    ahead: usize,
    /// The next command, until the primary queue has reached its position.
    waiting: Option<Ordered>,
}

impl CommandReceiver {
    /// Returns the next command, if there is one.
    #[inline]
    pub fn pop(&mut self) -> Option<Command> {
        if self.secondary.is_idle() && self.primary.taken < self.primary.limit {
            return self.primary.pop();
        }
        self.pop_in_order()
    }

    fn pop_in_order(&mut self) -> Option<Command> {
        loop {
            if let Some((after, _)) = &self.secondary.waiting {
                // A producer counts the bytes of a command before it pushes the command. So the queue may be empty
                // before the position: that command was not sent before the secondary one.
                if self.primary.taken < *after
                    && let Some(command) = self.primary.pop()
                {
                    return Some(command);
                }
                return self.secondary.take_waiting();
            }
            if self.secondary.ahead > 0 {
                self.secondary.receive();
                continue;
            }
            if self.primary.taken < self.primary.limit {
                return self.primary.pop();
            }
            self.primary.limit = self.primary.flow.given.load(Ordering::Acquire);
            self.secondary.ahead = self.secondary.channel.len();
            if self.secondary.ahead == 0 && self.primary.taken >= self.primary.limit {
                return None;
            }
        }
    }

    /// True if the shard must end at once.
    pub fn is_ended(&self) -> bool {
        self.shared.ended.load(Ordering::SeqCst)
    }

    /// True if no command waits.
    pub fn is_empty(&self) -> bool {
        self.primary.queue.is_empty() && self.secondary.is_empty()
    }

    /// True if no command of the consumer waits.
    pub fn is_primary_empty(&self) -> bool {
        self.primary.queue.is_empty()
    }

    /// Sets the waker of this shard. Called once, before the shard's first tick.
    pub fn set_waker(&self, waker: task::Waker) {
        let _ = self.shared.waker.set(waker);
    }

    /// Announces a rest. Returns false if there is something to do: then the shard is awake.
    pub fn announce(&self, rest: Rest) -> bool {
        self.shared.parker.announce(rest);
        if self.is_empty() && !self.shared.credit.has_notified_since(self.seen_credit) && !self.is_ended() {
            return true;
        }
        self.shared.parker.set_awake();
        false
    }

    /// Announces that the consumer drives the shard's next tick, after its batch. Returns false if a secondary command
    /// waits, which cannot wait so long: then the shard is awake.
    #[must_use]
    pub fn lend(&self) -> bool {
        self.shared.parker.announce(Rest::Lent);
        if self.secondary.is_empty() {
            return true;
        }
        self.shared.parker.set_awake();
        false
    }

    /// Ends a rest.
    pub fn set_awake(&self) {
        self.shared.parker.set_awake();
    }

    /// Marks the shard as blocked on credit, or no longer. After `true` the caller must check the credit again.
    pub fn set_blocked(&self, blocked: bool) {
        self.shared.credit.set_blocked(blocked);
    }

    /// Returns true once for each notification of credit.
    pub fn take_credit_notification(&mut self) -> bool {
        self.shared.credit.take(&mut self.seen_credit)
    }

    /// Bytes of messages that the consumer has finished.
    pub fn consumed(&self) -> u64 {
        self.shared.consumed.load(Ordering::Acquire)
    }

    /// Bytes of the bodies of requests that the consumer has answered.
    pub fn answered(&self) -> u64 {
        self.shared.answered.load(Ordering::Acquire)
    }

    /// Publishes the bytes of commands taken, so that producers that wait for room go on.
    pub fn report(&self) {
        self.primary.flow.taken.store(self.primary.taken, Ordering::Release);
        self.secondary.flow.taken.store(self.secondary.taken, Ordering::Release);
    }
}

impl Primary {
    #[inline]
    fn pop(&mut self) -> Option<Command> {
        let command = self.queue.pop()?;
        self.taken += command.size() as u64;
        Some(command)
    }
}

impl Secondary {
    fn is_idle(&self) -> bool {
        self.ahead == 0 && self.waiting.is_none()
    }

    fn is_empty(&self) -> bool {
        self.waiting.is_none() && self.channel.is_empty()
    }

    fn receive(&mut self) {
        self.ahead -= 1;
        self.waiting = self.channel.try_recv().ok();
    }

    fn take_waiting(&mut self) -> Option<Command> {
        let (_, command) = self.waiting.take()?;
        self.taken += command.size() as u64;
        Some(command)
    }
}

impl Drop for CommandReceiver {
    fn drop(&mut self) {
        self.shared.gone.store(true, Ordering::Release);
    }
}
