//! The front itself: its state and its loop.

use std::{
    cell::RefCell,
    collections::{HashMap, VecDeque},
    io,
    process::ExitStatus,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;

use super::{
    deaths::NOT_NEEDED,
    generations::Generations,
    holds::Hold,
    item::{Client, ClientState, Item},
    manage::Manage,
    watch::{Watch, Woke},
    worker::{State, Worker},
};
use crate::{
    metrics::WorkerCounters,
    port::{ConnectionId, Consumer, Interests, LogLevel, Publisher},
    ring::Table,
    runtime::{Notifier, Server, StartError},
    socket::keep_passed,
    wire::{Door, Hello, Order},
};

/// The state of a front.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) door: Door,
    pub(super) watch: Watch,
    pub(super) server: Server,
    pub(super) consumer: Consumer<ClientState>,
    pub(super) publisher: Rc<RefCell<Publisher>>,
    pub(super) gauges: Arc<Table>,
    pub(super) counters: Arc<WorkerCounters>,
    /// The options of the first worker's script.
    pub(super) hello: Hello,
    pub(super) workers: Vec<Worker>,
    pub(super) generations: Generations,
    /// Events that wait for a worker, in order.
    pub(super) parked: VecDeque<Item>,
    /// Events whose callbacks have asked for the users of a topic: until they are finished no joins and leaves are
    /// announced, so that the answer and the changes after it agree.
    pub(super) holds: Vec<Hold>,
    /// Connections with events that wait until their worker has released all its connections.
    pub(super) detaching: Vec<Rc<Client>>,
    /// The workers that have been given handshakes and requests of which the end is not known.
    pub(super) undecided: HashMap<ConnectionId, u64>,
    /// The largest record that a worker may send.
    pub(super) most_record: usize,
    pub(super) panicked: bool,
    pub(super) last_key: u64,
    notifier: Option<Notifier>,
    is_announced: bool,
    /// A buffer for the records of workers.
    pub(super) record: Vec<u8>,
    /// When the workers are looked after next.
    next_look: Instant,
    /// When the memory of workers was looked at last.
    pub(super) memory_looked: Instant,
    /// Since when no worker takes events.
    pub(super) idle_since: Option<Instant>,
    /// The last field: its clients learn by the end of their connections that the ports are free again.
    pub(super) manage: Manage,
}

/// The way in which a front ended.
#[derive(Debug)]
pub enum Ended {
    /// The server was stopped, and has drained.
    Stopped,
    /// The script ended before it has run a server.
    WithoutServer(ExitStatus),
}

/// The reason for which a front does not start, or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum FrontError {
    /// The server does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A worker cannot be started.
    #[error("a worker cannot be started: {0}")]
    Spawn(io::Error),
    /// The system refuses a thread, memory or a descriptor.
    #[error("the system refuses a thread, memory or a descriptor: {0}")]
    System(#[from] io::Error),
    /// The extension in the workers is not of the program's version.
    #[error("the extension has version {0}, and this program {own}: both have to be of one version", own = env!("CARGO_PKG_VERSION"))]
    Version(String),
    /// A network thread has panicked.
    #[error("a network thread has panicked")]
    Panicked,
    /// The first workers do not get ready.
    #[error("no worker gets ready: {0}")]
    NoWorker(String),
}

/// Runs a front until its server has stopped. The first worker's script gives the options, and the number of workers
/// unless `workers` does; if neither does, there is one for each processor, but at most 4. Blocks the signals TERM, INT,
/// QUIT, HUP and USR1 for the calling thread meanwhile: the first three stop the server, the others reload the workers.
pub fn serve(door: Door, workers: Option<usize>) -> Result<Ended, FrontError> {
    keep_passed();
    let watch = Watch::new()?;
    let (first, hello) = match super::greeting::first_worker(&door, &watch)? {
        Ok(first) => first,
        Err(status) => return Ok(Ended::WithoutServer(status)),
    };
    if hello.version != env!("CARGO_PKG_VERSION") {
        return Err(FrontError::Version(hello.version));
    }
    let mut front = Front::start(door, watch, first, hello, workers)?;
    front.run()
}

impl Front {
    fn start(
        door: Door,
        watch: Watch,
        first: Worker,
        hello: Hello,
        workers: Option<usize>,
    ) -> Result<Self, FrontError> {
        let counters = Arc::new(WorkerCounters::default());
        let (mut server, gauges) = Server::start_for_workers(
            hello.config.clone(),
            counters.clone(),
            Interests { kept_requests: true, ..hello.interests },
        )?;
        // Taken once.
        let parts =
            server.take_consumer().ok_or_else(|| io::Error::other("the server has lost its queue"))?;
        let mut consumer = parts.assemble();
        consumer.wait_beside(watch.descriptor()?)?;
        consumer.announce(hello.announced.clone());
        let publisher = consumer.publisher();
        let limits = &hello.config.limits;
        let most_record = limits.total_send_buffer.saturating_add(MOST_HEAD);
        let given = workers.unwrap_or(hello.workers);
        let count = if given == 0 { usual_workers() } else { given.min(MOST_WORKERS) };
        let mut front = Self {
            manage: Manage::new(door.script.as_deref()),
            door,
            watch,
            server,
            consumer,
            publisher,
            gauges,
            counters,
            last_key: first.key,
            workers: vec![first],
            generations: Generations::new(count),
            hello,
            parked: VecDeque::new(),
            holds: Vec::new(),
            detaching: Vec::new(),
            undecided: HashMap::new(),
            most_record,
            panicked: false,
            notifier: Notifier::from_environment(),
            is_announced: false,
            record: Vec::new(),
            next_look: Instant::now(),
            memory_looked: Instant::now(),
            idle_since: None,
        };
        front.greet_first()?;
        front.set_interests();
        // First, so that a reader of the log can rely on it.
        front.open_management();
        front.announce_start();
        Ok(front)
    }

    /// Has the workers looked after at once.
    pub(super) fn look_now(&mut self) {
        self.next_look = Instant::now();
    }

    fn announce_start(&mut self) {
        for record in self.server.start_records() {
            self.tell(&record);
        }
        let workers = self.generations.size().to_string();
        self.say(LogLevel::Info, &format!("workers: {workers}"), [("workers", &*workers)]);
    }

    fn run(&mut self) -> Result<Ended, FrontError> {
        let mut busy_turns = 0_u32;
        loop {
            self.consumer.begin_batch();
            let busy = self.turn();
            self.consumer.end_batch();
            self.flush();
            if Instant::now() >= self.next_look {
                self.look_after_workers();
            }
            if self.is_over() {
                break;
            }
            if let Some(why) = self.generations.hopeless.take() {
                return Err(FrontError::NoWorker(why));
            }
            if busy {
                self.consumer.serve_once();
                busy_turns = busy_turns.wrapping_add(1);
            } else {
                self.sleep();
            }
            // Signals and ends of workers do not wait until there is nothing else to do.
            if !busy || busy_turns.is_multiple_of(LOOK_TURNS) {
                self.look();
            }
        }
        if let Some(stopping) = self.consumer.stopping() {
            self.tell(&stopping.record());
        }
        self.end_workers();
        if self.panicked { Err(FrontError::Panicked) } else { Ok(Ended::Stopped) }
    }

    /// Takes what workers have sent, and gives them events. False if there was nothing to do.
    fn turn(&mut self) -> bool {
        let mut busy = false;
        let keys: Vec<u64> = self.workers.iter().map(|worker| worker.key).collect();
        for key in keys {
            busy |= self.hear(key);
        }
        self.release_holds();
        for _ in 0..BATCH {
            let Some(delivery) = self.consumer.receive() else { break };
            self.deliver(delivery);
            busy = true;
        }
        busy
    }

    /// Lets the workers see what was written for them.
    fn flush(&mut self) {
        for lane in self.workers.iter_mut().filter_map(|worker| worker.lane.as_mut()) {
            lane.advance();
            lane.flush();
        }
    }

    /// Sleeps until a worker, the network, a signal or the time wants something.
    fn sleep(&mut self) {
        let mut is_quiet = true;
        for lane in self.workers.iter_mut().filter_map(Worker::readable_lane) {
            is_quiet &= lane.duplex.announce_sleep();
        }
        if is_quiet {
            let is_waiting = self.workers.iter().any(|worker| worker.load() > 0);
            // A callback that sends and then blocks wakes nobody. A shorter sleep would have the shard's own thread serve.
            let soon = Instant::now() + DOZE;
            let until = if is_waiting { soon } else { self.next_look.max(soon) };
            self.consumer.wait(Some(until), None);
        }
        for lane in self.workers.iter_mut().filter_map(|worker| worker.lane.as_mut()) {
            lane.duplex.set_awake();
        }
    }

    /// Deals with signals, workers that have ended or begun, and management.
    fn look(&mut self) {
        for woke in self.watch.look(false) {
            match woke {
                Woke::Signal(Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT) => self.stop_by_signal(),
                Woke::Signal(_) => self.reload(),
                Woke::Bell => {}
                Woke::Ended(key) => self.worker_ended(key),
                Woke::Spoke(key) => self.worker_spoke(key),
                Woke::Managed => self.serve_management(),
            }
        }
    }

    fn stop_by_signal(&mut self) {
        self.stop(if self.consumer.stopping().is_some() { Duration::ZERO } else { SIGNAL_GRACE });
    }

    /// Stops the server: clients have the time `grace` to leave.
    pub(super) fn stop(&mut self, grace: Duration) {
        if let Some(notifier) = &mut self.notifier {
            notifier.stopping();
        }
        self.consumer.stop(grace);
    }

    /// Looks after time: workers that are due to be started, replaced or ended, and systemd.
    fn look_after_workers(&mut self) {
        let now = Instant::now();
        self.next_look = now + LOOK_INTERVAL;
        self.care(now);
        self.recycle(now);
        self.give_up_parked(now);
        self.listen_for_management();
        self.generations.count(&self.counters);
        self.count_ready();
        self.counters.unfinished.set(self.workers.iter().map(|worker| worker.load() as u64).sum());
        let clients = self.publisher.borrow().count();
        if let Some(notifier) = &mut self.notifier {
            if !self.is_announced && self.generations.is_complete() {
                self.is_announced = true;
                notifier.ready(clients);
            }
            notifier.notify_due(clients);
        }
    }

    /// Shows how many workers take events.
    pub(super) fn count_ready(&self) {
        self.counters.ready.set(self.workers.iter().filter(|worker| worker.is_ready()).count() as u64);
    }

    /// True once the server has stopped and every event of it is finished.
    fn is_over(&self) -> bool {
        let drained = self.consumer.is_over() && !self.consumer.has_events();
        let settled = self.parked.is_empty() && self.workers.iter().all(|worker| worker.load() == 0);
        drained && (settled || self.consumer.is_overdue() || self.workers.is_empty())
    }

    /// Tells every worker that no further event comes, and waits until they have gone.
    fn end_workers(&mut self) {
        let deadline = Instant::now() + END_TIME;
        for worker in &mut self.workers {
            match worker.state {
                State::Starting | State::Greeted => worker.kill(NOT_NEEDED),
                State::Waiting | State::Ready | State::Retiring => worker.order(&Order::End),
                State::Leaving => {}
            }
            worker.state = State::Leaving;
        }
        while !self.workers.is_empty() {
            self.flush();
            let keys: Vec<u64> = self.workers.iter().map(|worker| worker.key).collect();
            for key in keys {
                self.hear(key);
            }
            if Instant::now() >= deadline {
                self.workers.iter_mut().for_each(|worker| worker.kill("it did not end"));
            }
            self.workers.retain_mut(|worker| matches!(worker.child.try_wait(), Ok(None)));
            std::thread::sleep(END_LOOK);
        }
    }

    /// The optional events that any worker wants; and requests are kept, for connections that move.
    pub(super) fn set_interests(&self) {
        // While there is none, those of the last ones hold: nobody is let in without being asked for.
        if self.workers.iter().all(|worker| worker.state < State::Greeted) {
            return;
        }
        let mut all = Interests { kept_requests: true, ..Interests::NONE };
        for worker in &self.workers {
            let one = worker.interests;
            all.handshakes |= one.handshakes;
            all.messages |= one.messages;
            all.drains |= one.drains;
            all.requests |= one.requests;
            all.presence |= one.presence;
        }
        self.consumer.set_interests(all);
    }
}

/// The number of workers if nobody gives one.
fn usual_workers() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().min(MOST_USUAL))
}

/// Busy turns between two looks at signals and processes.
const LOOK_TURNS: u32 = 16;
/// Events of one turn.
const BATCH: usize = 256;
/// Time for a stop by a signal, as `stop()` has it by default.
pub(super) const SIGNAL_GRACE: Duration = Duration::from_secs(10);
/// Time between two looks at a worker that handles events: what a callback sends before it blocks is sent by then.
const DOZE: Duration = Duration::from_millis(3);
/// Time between two looks after the workers.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Time for workers to end when the server has stopped.
const END_TIME: Duration = Duration::from_secs(5);
const END_LOOK: Duration = Duration::from_millis(1);
/// The most workers that nobody has asked for.
const MOST_USUAL: usize = 4;
/// The most workers of a front.
const MOST_WORKERS: usize = 256;
/// Bytes of a record beside its payload.
const MOST_HEAD: usize = 1 << 20;
