//! One shard: the connections that live and die on it, and what is done about them.
//!
//! Everything happens in *turns*: take the commands, accept, read what is ready, look at the clock,
//! then write once to each connection that was touched and wake PHP once. Between turns whoever
//! takes them (`helm`) sleeps in epoll. A turn does a bounded amount of work, so that a flood on one connection starves
//! neither the others nor the clock.

use std::{
    any::Any,
    collections::{HashMap, VecDeque},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize},
    },
    task::Context,
    time::{Duration, Instant},
};

use slab::Slab;
use tokio::time::Sleep;

use super::{
    bodies::Bodies,
    clock::Clock,
    credentials,
    date::HttpDate,
    farewell::Stopping,
    ids::Ids,
    ready::{Flag, ReadyList},
    secured::TlsWatch,
    shed::Shed,
    sweep,
    work::{self, Work},
};
use crate::{
    auth::Authenticator,
    config::{Config, ConfigError, USUAL_CONNECT_RATE, USUAL_PER_ADDRESS},
    connection::{Buffers, Connection, Phase},
    control,
    deflate::Codec,
    descriptors::{self, Reservation},
    frame::DecodeLimits,
    http::HeadLimits,
    hub::{Hub, TopicIndex},
    limits::AddressLimits,
    metrics::Counters,
    port::ShardPort,
    protocol::{Protocol, protocol},
    queue::{LogLevel, LogRecord, Rest},
    socket::{Acceptor, Listening},
    tls::Certificates,
};

/// What the shards of one server share.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) config: Config,
    /// If any address speaks TLS.
    pub(super) certificates: Option<Arc<Certificates>>,
    /// If clients have to say who they are.
    pub(super) authenticator: Option<Authenticator>,
    /// The protocol on top of WebSockets, if the server speaks one.
    pub(super) protocol: Option<Arc<dyn Protocol>>,
    pub(super) hub: Arc<Hub>,
    pub(super) ceiling: usize,
    _descriptors: Reservation,
    /// Clients' sockets of all shards.
    pub(super) sockets: AtomicUsize,
    /// Sockets beside those: of who watches over the server.
    pub(super) monitors: AtomicUsize,
    pub(super) addresses: AddressLimits,
    /// Whether a refused Origin was logged.
    pub(super) origin_warned: AtomicBool,
}

impl Common {
    /// What the shards of a server with these options share, if they can be used. Nobody is there yet.
    pub(super) fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let certificates = match config.tls.as_slice() {
            [] => None,
            files => Some(Arc::new(Certificates::load(files)?)),
        };
        let limits = &config.limits;
        let authenticator = match config.auth.as_slice() {
            [] => None,
            options => Some(credentials::authenticator(options, limits)?),
        };
        let reserved = RESERVED_FILES + control::MOST_CONNECTIONS * config.control.len();
        let ceiling = limits.max_connections.min(descriptors::most().saturating_sub(reserved)).max(1);
        Ok(Self {
            certificates,
            authenticator,
            protocol: config.protocol.as_ref().map(protocol),
            hub: Arc::new(Hub::new(config.shards(), limits.clone(), config.compression)),
            ceiling,
            _descriptors: Reservation::new(ceiling + reserved),
            sockets: AtomicUsize::new(0),
            monitors: AtomicUsize::new(0),
            addresses: AddressLimits::new(
                limits.max_connections_per_address.bounds(USUAL_PER_ADDRESS),
                limits.connect_rate_per_address.bounds(USUAL_CONNECT_RATE),
            ),
            origin_warned: AtomicBool::new(false),
            config,
        })
    }
}

/// What is left after a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turned {
    /// There is more to do already.
    More,
    /// There is nothing to do until something happens.
    Idle,
}

/// The state of one shard, touched only by whoever takes its turns.
pub(super) struct Shard {
    pub(super) index: usize,
    pub(super) common: Arc<Common>,
    pub(super) connections: Slab<Connection>,
    pub(super) topics: TopicIndex,
    pub(super) port: ShardPort,
    pub(super) acceptor: Option<Acceptor>,
    /// No accept before this, after one failed for want of a descriptor.
    pub(super) accept_after: Duration,
    /// When such a failure was logged last.
    pub(super) accept_warned: Option<Duration>,
    /// When a connection without a PROXY header was logged last.
    pub(super) proxy_warned: Option<Duration>,
    pub(super) ready: Arc<ReadyList>,
    /// Slots to serve in the next turn although nothing woke them.
    pub(super) again: Vec<u32>,
    /// Slots whose outbox grew in this turn.
    pub(super) dirty: Vec<u32>,
    /// Slots that are not read for want of credit.
    pub(super) starved: Vec<u32>,
    pub(super) ids: Ids,
    /// Lent to whichever connection reads or writes.
    pub(super) buffers: Buffers,
    /// Looks after the certificate files; one shard does.
    pub(super) tls_watch: Option<TlsWatch>,
    /// When a failed TLS handshake was logged last.
    pub(super) tls_logged: Option<Duration>,
    /// When a refused credential was logged last, and a request head that was too large.
    pub(super) auth_logged: Option<Duration>,
    /// By the status of the answer, and the option to raise.
    pub(super) head_logged: HashMap<(u16, &'static str), Option<Duration>>,
    /// For the answers.
    pub(super) date: HttpDate,
    /// This shard's part of what may wait for PHP in all, and for clients.
    pub(super) receive_share: usize,
    pub(super) send_share: usize,
    pub(super) decode: DecodeLimits,
    pub(super) codec: Codec,
    /// The memory of what has come out of compressed messages that are not whole yet.
    pub(super) inflating: usize,
    pub(super) head: HeadLimits,
    /// Messages handed to PHP, and their bytes.
    pub(super) messages: u64,
    pub(super) handed: u64,
    /// What the bodies of requests keep.
    pub(super) bodies: Bodies,
    /// Bytes that were read from open connections and cannot be handled yet.
    pub(super) unread: usize,
    /// Whom a message goes to, for the time in which it does.
    pub(super) recipients: Vec<u32>,
    /// Connections that only watch over the server, and do not keep it from ending.
    pub(super) monitors: usize,
    /// What all outboxes keep.
    pub(super) waiting: usize,
    /// What was freed of late.
    pub(super) shed: Shed,
    pub(super) clock: Clock,
    /// The time of this turn, by `clock`.
    pub(super) now: Duration,
    pub(super) tick: Duration,
    pub(super) next_sweep: Duration,
    /// Where the sweep goes on, if the last one had too much to do.
    pub(super) swept: usize,
    /// When to wake the consumer. Its own clock does not stop.
    pub(super) alarm: Option<Instant>,
    pub(super) stopping: Option<Stopping>,
    timer: Pin<Box<Sleep>>,
    /// When `timer` fires, if it has not.
    timer_at: Option<Instant>,
    /// Slots to serve, this turn or the next ones.
    next: VecDeque<u32>,
    /// Slots for which something dear is to be done, after those.
    pub(super) later: VecDeque<u32>,
    /// How long that may go on.
    pub(super) work: Work,
    taken_flags: Vec<Arc<Flag>>,
}

impl Shard {
    /// A shard that accepts from these sockets. Within its runtime.
    pub(super) fn new(
        index: usize,
        common: Arc<Common>,
        sockets: Vec<Listening>,
        port: ShardPort,
    ) -> std::io::Result<Self> {
        let acceptor = Some(Acceptor::new(sockets)?);
        let tick = sweep::tick(&common.config);
        let shards = common.hub.counters.len().max(1);
        let receive_share = common.config.limits.total_receive_bytes / shards;
        let send_share = common.config.limits.total_send_buffer / shards;
        let max_message = common.config.limits.max_message_size;
        let head = HeadLimits::new(&common.config.limits);
        let max_body = common.config.limits.max_request_body;
        let decode = DecodeLimits { max_message, deflate: false, part: PART };
        let watched = common.certificates.as_ref().filter(|_| index == 0);
        let tls_watch = watched.map(|certificates| TlsWatch::new(certificates.clone()));
        let codec = Codec::new(common.config.compression.map_or(1, |compression| compression.level));
        Ok(Self {
            index,
            common,
            connections: Slab::new(),
            topics: TopicIndex::default(),
            port,
            acceptor,
            accept_after: Duration::ZERO,
            accept_warned: None,
            proxy_warned: None,
            ready: Arc::default(),
            again: vec![ACCEPT],
            dirty: Vec::new(),
            starved: Vec::new(),
            ids: Ids::new(index),
            buffers: Buffers::default(),
            tls_watch,
            tls_logged: None,
            auth_logged: None,
            head_logged: HashMap::new(),
            date: HttpDate::default(),
            receive_share,
            send_share,
            decode,
            codec,
            inflating: 0,
            head,
            messages: 0,
            handed: 0,
            bodies: Bodies::new(receive_share, max_body),
            unread: 0,
            recipients: Vec::new(),
            monitors: 0,
            waiting: 0,
            shed: Shed::default(),
            clock: Clock::new(),
            now: Duration::ZERO,
            tick,
            next_sweep: tick,
            swept: 0,
            alarm: None,
            stopping: None,
            timer: Box::pin(tokio::time::sleep(FAR)),
            timer_at: None,
            next: VecDeque::new(),
            later: VecDeque::new(),
            work: Work::new(),
            taken_flags: Vec::new(),
        })
    }

    /// Does what there is to do, a bounded amount of it. `None` when the shard has ended.
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Option<Turned> {
        self.ready.set_task(cx.waker());
        self.port.commands.set_awake();
        self.now = self.clock.begin_turn(self.connections.len());
        self.work.begin_turn(self.clock.instant(self.now));
        self.take_commands();
        self.return_credit();
        self.serve_ready();
        if self.now >= self.next_sweep {
            self.next_sweep = self.now + self.tick;
            self.sweep();
        }
        self.watch_certificates();
        if self.alarm.is_some_and(|at| self.clock.at(at) <= self.now) {
            self.alarm = None;
            self.port.events.wake_consumer();
        }
        self.port.announcer.announce_due(&mut self.port.publisher);
        let waiting = self.all_waiting();
        self.shed.wait(waiting);
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
        if self.has_ended() {
            return None;
        }
        let more = !self.next.is_empty()
            || !self.later.is_empty()
            || !self.again.is_empty()
            || !self.ready.is_empty()
            || !self.port.commands.is_empty();
        let more = self.clock.end_turn(!more) || more;
        Some(if more { Turned::More } else { Turned::Idle })
    }

    /// Serves who is ready, in the order in which they became so, until there is a batch for the
    /// consumer: it deals with that while the processor's caches still hold it, and those clients go
    /// on while others are served. Then those of whom something dear is to be expected: however many they are, they
    /// delay nobody else by more than their share of a turn.
    fn serve_ready(&mut self) {
        if self.next.is_empty() {
            self.next.extend(self.again.drain(..));
            self.ready.take(&mut self.taken_flags);
            self.next.extend(self.taken_flags.drain(..).map(|flag| flag.lower()));
        }
        let (messages, bytes) = (self.messages + BATCH_MESSAGES, self.handed + BATCH_BYTES);
        if !self.next.is_empty() {
            self.work.begin(work::READY);
        }
        let mut served = 0;
        while let Some(slot) = self.next.pop_front() {
            if self.is_dear(slot) {
                self.later.push_back(slot);
                continue;
            }
            self.guarded(slot, |shard| match slot {
                ACCEPT => shard.accept(),
                _ => shard.serve(slot, false),
            });
            served += 1;
            if self.has_batch(messages, bytes) || self.work.is_used_up_by(served) {
                break;
            }
        }
        if !self.later.is_empty() {
            self.work.begin(work::LATER);
        }
        while let Some(slot) = self.later.pop_front() {
            self.guarded(slot, |shard| shard.serve(slot, true));
            if self.has_batch(messages, bytes) || self.work.is_used_up() {
                break;
            }
        }
    }

    fn has_batch(&self, messages: u64, bytes: u64) -> bool {
        self.messages >= messages || self.handed >= bytes
    }

    /// Whether a connection has to wait until the others were served: it wants to come in, or has much to be inflated.
    fn is_dear(&self, slot: u32) -> bool {
        let Some(connection) = self.connections.get(slot as usize) else { return false };
        match (&connection.phase, &connection.session) {
            (Phase::Open, Some(session)) => {
                session.deflate.is_some() && session.decoder.held() + connection.unread.len() >= LITTLE
            }
            (phase, _) => {
                matches!(phase, Phase::ProxyHeader { .. } | Phase::Tls | Phase::Head(_) | Phase::Body(_))
            }
        }
    }

    /// Arranges to be woken, or for another turn if something came in the meantime. `steered`: by the
    /// consumer itself, who can give no command while it sleeps here.
    pub(super) fn rest(&mut self, cx: &mut Context<'_>, steered: bool) {
        let doze = !steered && self.port.events.consumer_is_awake();
        let rest = if doze { Rest::Doze } else { Rest::Sleep };
        if !self.port.commands.announce(rest) {
            cx.waker().wake_by_ref();
            return;
        }
        let mut at = match rest {
            Rest::Doze => self.now + DOZE,
            _ => self.now + FAR,
        };
        if !self.connections.is_empty()
            || self.shed.is_much()
            || self.stopping.is_some()
            || self.accept_after > self.now
        {
            at = at.min(self.next_sweep);
        }
        let alarm = self.alarm.map(|at| self.clock.at(at));
        let presence = self.port.announcer.next_due().map(|due| self.clock.at(due).max(self.now + RETRY));
        let others = [alarm, presence, self.tls_watch.as_ref().map(|watch| watch.next)];
        at = others.into_iter().flatten().fold(at, Duration::min);
        self.clock.rest(at);
        // A timer that fires too early costs one turn and is set anew then; one that is moved at
        // every rest costs more.
        let at = self.clock.instant(at);
        if self.timer_at.is_none_or(|set| at < set || set <= self.clock.instant(self.now)) {
            self.timer_at = Some(at);
            self.timer.as_mut().reset(at.into());
        }
        if self.timer.as_mut().poll(cx).is_ready() {
            self.timer_at = None;
            cx.waker().wake_by_ref();
        }
    }

    /// Sets when the consumer is to be woken though nothing may have happened.
    pub(super) fn ring_at(&mut self, at: Option<Instant>) {
        self.alarm = at;
    }

    /// Runs what a peer may have caused. A panic costs that one connection: it is counted, logged
    /// and closed with 1011.
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

/// Whether to log what happens again and again, having done so at `last`.
pub(super) fn may_log(last: &mut Option<Duration>, now: Duration) -> bool {
    let may = last.is_none_or(|at| now >= at + LOG_INTERVAL);
    if may {
        *last = Some(now);
    }
    may
}

pub(super) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// Lets a test see what a panic costs, on the path of a message or outside. Not in a release.
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
    /// Whether a test asked for the end of this shard.
    static DOOMED: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// From how many bytes on a compressed message is inflated while it arrives: more than the inflater takes
/// that it then has to itself.
const PART: usize = 64 << 10;
/// How much may be handed to the consumer in one turn before it is woken; one connection's reads
/// are not cut short for it.
const BATCH_MESSAGES: u64 = 256;
const BATCH_BYTES: u64 = 256 << 10;
/// Compressed bytes that may be dealt with before other connections are served.
pub(super) const LITTLE: usize = 2 << 10;
/// Between two log lines about the same.
const LOG_INTERVAL: Duration = Duration::from_secs(10);
/// Descriptors that are for nobody who connects: standard streams, listeners, wake-ups, the script's files.
const RESERVED_FILES: usize = 64;
/// The slot that stands for the listening sockets.
pub(super) const ACCEPT: u32 = u32::MAX;
/// How long a dozing shard leaves a command unseen that PHP gave in the middle of a batch.
const RETRY: Duration = Duration::from_millis(5);
const DOZE: Duration = Duration::from_millis(2);
/// Tokio's timers cannot be set to "never".
const FAR: Duration = Duration::from_secs(86_400 * 365);
