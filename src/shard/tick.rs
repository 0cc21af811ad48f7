//! One tick of a shard, which is all that it does.
//!
//! A tick takes the commands, accepts, reads from ready sockets, looks at the clock, then writes once to each
//! connection that has new frames, and wakes PHP once. Between ticks the driving thread (`drive_lock`) sleeps in
//! epoll. A tick does a bounded amount of work, so that a flood on one connection delays neither the others nor the
//! clock.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::Context,
    time::Duration,
};

use slab::Slab;

use super::{
    accept::Accepting, clock::Clock, close::Closing, common::Common, ids::Ids, read::Reading,
    requests::Requests, schedule::Schedule, sweep::Sweeping, timing::Timing, tls::Tls, write::Writing,
};
use crate::{
    connection::{Buffers, Connection},
    deflate::Codec,
    hub::TopicIndex,
    metrics::Counters,
    port::ShardPort,
    queue::{LOG_INTERVAL, LogLevel, LogRecord},
    socket::Listening,
};

/// The outcome of a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ticked {
    /// There is more to do already.
    More,
    /// There is nothing to do until something happens.
    Idle,
}

/// The state of one shard, touched only by the thread that runs its tick. State that only one part of a tick needs is
/// in that part's file.
pub(crate) struct Shard {
    pub(crate) index: usize,
    pub(super) common: Arc<Common>,
    pub(super) connections: Slab<Connection>,
    pub(super) ids: Ids,
    pub(super) topics: TopicIndex,
    pub(crate) port: ShardPort,
    pub(super) clock: Clock,
    /// The time of this tick, by `clock`.
    pub(super) now: Duration,
    /// Lent to the connection that reads or writes.
    pub(super) buffers: Buffers,
    pub(super) codec: Codec,
    pub(super) schedule: Schedule,
    pub(super) accepting: Accepting,
    pub(super) tls: Tls,
    pub(super) requests: Requests,
    pub(super) reading: Reading,
    pub(super) writing: Writing,
    pub(super) closing: Closing,
    pub(super) sweeping: Sweeping,
    pub(super) timing: Timing,
}

impl Shard {
    /// A shard that accepts from these sockets. Within its runtime.
    pub(crate) fn new(
        index: usize,
        common: Arc<Common>,
        sockets: Vec<Listening>,
        port: ShardPort,
    ) -> std::io::Result<Self> {
        let config = &common.config;
        let shards = common.hub.counters.len().max(1);
        // One shard watches the certificate files.
        let certificates = common.certificates.as_ref().filter(|_| index == 0);
        Ok(Self {
            index,
            connections: Slab::new(),
            ids: Ids::new(index),
            topics: TopicIndex::default(),
            port,
            clock: Clock::new(),
            now: Duration::ZERO,
            buffers: Buffers::default(),
            codec: Codec::new(config.compression.map_or(1, |compression| compression.level)),
            schedule: Schedule::new(),
            accepting: Accepting::new(sockets)?,
            tls: Tls::new(certificates),
            requests: Requests::new(&config.limits, shards),
            reading: Reading::new(&config.limits, shards),
            writing: Writing::new(&config.limits, shards),
            closing: Closing::default(),
            sweeping: Sweeping::new(config),
            timing: Timing::new(),
            common,
        })
    }

    /// Does the work that there is, a bounded amount of it. `None` when the shard has ended.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) -> Option<Ticked> {
        self.schedule.ready.set_task(cx.waker());
        self.port.commands.set_awake();
        self.now = self.clock.begin_tick(self.connections.len());
        self.schedule.work.begin_tick(self.clock.instant(self.now));
        self.take_commands();
        self.return_credit();
        self.serve_ready();
        if self.now >= self.sweeping.next {
            self.sweeping.next = self.now + self.sweeping.interval;
            self.sweep();
        }
        self.watch_certificates();
        if self.timing.alarm.is_some_and(|at| self.clock.at(at) <= self.now) {
            self.timing.alarm = None;
            self.port.events.wake_consumer();
        }
        self.port.announcer.announce_due(&mut self.port.publisher);
        let waiting = self.all_waiting();
        self.writing.shed.wait(waiting);
        self.flush();
        self.relieve();
        if let Some(tally) = self.codec.end_tick() {
            self.counters(|c| {
                c.deflated.add(tally.deflated);
                c.deflate_in.add(tally.deflate_input);
                c.deflate_out.add(tally.deflate_output);
                c.inflated.add(tally.inflated);
                c.inflate_in.add(tally.inflate_input);
                c.inflate_out.add(tally.inflate_output);
            });
        }
        self.port.commands.report();
        self.port.events.flush();
        #[cfg(any(test, feature = "faults"))]
        assert!(!DOOMED.take(), "a test asked for the end");
        if self.end_if_over() {
            return None;
        }
        let more = !self.schedule.is_empty() || !self.port.commands.is_empty();
        let more = self.clock.end_tick(!more) || more;
        Some(if more { Ticked::More } else { Ticked::Idle })
    }

    /// Runs work that a peer may have caused. A panic costs that one connection: it is counted, logged and closed
    /// with 1011.
    pub(super) fn guarded(&mut self, slot: u32, work: impl FnOnce(&mut Self)) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| work(self))) {
            self.counters(|c| c.panics.increment());
            self.log(
                LogLevel::Error,
                "A connection was closed because handling it panicked: please report this bug",
                [("panic", panic_message(&*panic))],
            );
            self.fail_broken(slot);
        }
    }

    pub(super) fn counters(&self, count: impl FnOnce(&Counters)) {
        if let Some(counters) = self.common.hub.counters.get(self.index) {
            count(counters);
        }
    }

    pub(super) fn log<const N: usize>(
        &mut self,
        level: LogLevel,
        message: &str,
        context: [(&str, String); N],
    ) {
        let context = context.map(|(key, value)| (key.to_owned(), value)).into();
        self.port.log.send(LogRecord { level, message: message.to_owned(), context });
    }
}

/// True if a repeated event may be logged again, after it was logged at `last`.
pub(super) fn may_log(last: &mut Option<Duration>, now: Duration) -> bool {
    let may = last.is_none_or(|at| now >= at + LOG_INTERVAL);
    if may {
        *last = Some(now);
    }
    may
}

pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// Lets a test see the cost of a panic, on the path of a message or outside. Not in a release.
#[cfg(any(test, feature = "faults"))]
#[allow(clippy::panic)]
pub(super) fn fault(payload: &[u8]) {
    match payload {
        b"ferrite: panic in the shard" => panic!("a test asked for it"),
        b"ferrite: panic of the shard" => DOOMED.set(true),
        _ => {}
    }
}

#[cfg(any(test, feature = "faults"))]
thread_local! {
    /// True once a test has asked for the end of this shard.
    static DOOMED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// For a shard that a test drives.
#[cfg(any(test, feature = "fuzzing"))]
impl Shard {
    /// Has compressed messages inflated in parts of so many bytes.
    pub(crate) fn set_part(&mut self, part: usize) {
        self.reading.decode.part = part;
    }

    /// Has every part of a tick do one thing only, as if that took all the time that there is.
    pub(crate) fn be_slow(&mut self) {
        self.schedule.work.none = true;
    }

    /// Lets time pass. `looking`: as if the shard had ticked meanwhile.
    pub(crate) fn pass(&mut self, time: Duration, looking: bool) {
        self.clock.skip(time, looking);
    }

    /// Bytes that wait for clients.
    pub(crate) fn waiting(&self) -> usize {
        self.writing.waiting
    }
}
