//! `Ferrite\Server`: its state and its methods. How it runs is in [`run`] and [`turn`](super::turn).

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
    time::Duration,
};

use ext_php_rs::types::{ZendHashTable, Zval};

use super::{link::check_process, rules::Rules, run, session::Session, timers::Timers};
use crate::php::classes::{
    audience,
    gomoob::Gomoob,
    handlers,
    options::{self, Options},
    presence,
};
use crate::php::zend::{
    call::{Call, handler},
    callback::{Callback, Calls},
    class::{BadDeclaration, Declaration, Kind},
    fork,
    objects::{Meta, Native, create},
    thrown::{Kind as Throw, Thrown, bad_argument, failed, throw},
    values,
};
use crate::{
    config::Config,
    port::{Announced, Figure, Interests, TopicPattern, no_figures},
};

/// The state of a `Server` object.
#[derive(Debug)]
pub(in crate::php) struct Server {
    birth: fork::Process,
    pub(in crate::php) config: Config,
    /// The protocol on top of WebSockets, if it speaks one.
    pub(in crate::php) dialect: Option<Gomoob>,
    pub(in crate::php) logger: Option<Callback>,
    pub(in crate::php) timers: Rc<Timers>,
    pub(in crate::php) rules: Rc<Rules>,
    /// The callbacks that run in Fibers.
    pub(in crate::php) calls: Calls,
    callbacks: [RefCell<Option<Callback>>; On::COUNT],
    announced: RefCell<Announced>,
    /// The run that is on.
    session: RefCell<Option<Rc<Session>>>,
    /// The figures of the last run, when it ended.
    figures: RefCell<Option<Vec<Figure>>>,
}

/// What can be listened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::php) enum On {
    Handshake,
    Open,
    Message,
    Close,
    Error,
    Drain,
    Start,
    Stop,
    Request,
    Join,
    Leave,
    Authorize,
}

impl On {
    const COUNT: usize = 12;
}

impl Native for Server {
    fn meta() -> &'static Meta {
        static META: Meta = Meta::new();
        &META
    }

    fn trace(&self, found: &mut dyn FnMut(&Zval)) {
        for callback in self.callbacks.iter().filter_map(|callback| callback.try_borrow().ok()) {
            callback.iter().for_each(|callback| found(callback.zval()));
        }
        self.dialect.iter().for_each(|dialect| dialect.trace(found));
        self.logger.iter().for_each(|logger| found(logger.zval()));
        self.calls.trace(found);
        self.timers.trace(found);
        self.rules.trace(found);
        if let Ok(session) = self.session.try_borrow() {
            session.iter().for_each(|session| session.trace(found));
        }
    }
}

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    Server::class().declare(&Declaration {
        name: "Ferrite\\Server",
        kind: Kind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: &[
            (
                "public function __construct(string|array $listen = '127.0.0.1:8080', \
                 Tls|array|null $tls = null, ?Limits $limits = null, ?Heartbeat $heartbeat = null, \
                 ?Compression $compression = null, ?array $origins = null, array $protocols = [], \
                 array $trustedProxies = [], ?string $health = null, ?string $metrics = null, \
                 #[\\SensitiveParameter] string|array|null $control = null, \
                 Auth\\Jwt|Auth\\AppKeys|array|null $auth = null, \
                 ?Protocol\\Gomoob $dialect = null, int $ioThreads = 0, ?callable $logger = null)",
                Some(handler(construct)),
            ),
            ("public function onHandshake(callable $callback): static", Some(handler(on_handshake))),
            ("public function onOpen(callable $callback): static", Some(handler(on_open))),
            ("public function onMessage(callable $callback): static", Some(handler(on_message))),
            ("public function onAuthorize(callable $callback): static", Some(handler(on_authorize))),
            (
                "public function onSubscribe(string $pattern, callable $rule): static",
                Some(handler(on_subscribe)),
            ),
            ("public function onClose(callable $callback): static", Some(handler(on_close))),
            ("public function onError(callable $callback): static", Some(handler(on_error))),
            ("public function onDrain(callable $callback): static", Some(handler(on_drain))),
            ("public function onRequest(callable $callback): static", Some(handler(on_request))),
            ("public function onJoin(callable $callback): static", Some(handler(presence::on_join))),
            ("public function onLeave(callable $callback): static", Some(handler(presence::on_leave))),
            ("public function onStart(callable $callback): static", Some(handler(on_start))),
            ("public function onStop(callable $callback): static", Some(handler(on_stop))),
            ("public function handler(Handler $handler): static", Some(handler(set_handler))),
            ("public function run(): void", Some(handler(do_run))),
            ("public function start(): void", Some(handler(do_start))),
            ("public function poll(float $timeout = 0.0): int", Some(handler(do_poll))),
            ("public function stream()", Some(handler(stream))),
            ("public function stop(float $grace = 10.0): void", Some(handler(do_stop))),
            ("public function addresses(): array", Some(handler(addresses))),
            ("public function reloadTls(): void", Some(handler(reload_tls))),
            (
                "public function send(int $connection, string $data, bool $binary = false, \
                 ?bool $compress = null): SendResult",
                Some(handler(audience::send)),
            ),
            (
                "public function broadcast(string $data, bool $binary = false, \
                 Connection|array|null $except = null, ?bool $compress = null): int",
                Some(handler(audience::broadcast)),
            ),
            (
                "public function publish(string $topic, string $data, bool $binary = false, \
                 Connection|array|null $except = null, ?bool $compress = null): int",
                Some(handler(audience::publish)),
            ),
            ("public function presence(string $topic): array", Some(handler(presence::presence))),
            (
                "public function announcePresence(string|array $topics, float $grace = 0.0, \
                 bool $toClients = true): static",
                Some(handler(presence::announce_presence)),
            ),
            ("public function to(): Target", Some(handler(audience::to))),
            ("public function connection(int $id): ?Connection", Some(handler(audience::connection))),
            ("public function connections(): array", Some(handler(audience::connections))),
            ("public function count(): int", Some(handler(audience::count))),
            ("public function after(float $seconds, callable $callback): Timer", Some(handler(after))),
            ("public function every(float $seconds, callable $callback): Timer", Some(handler(every))),
            ("public function stats(): array", Some(handler(stats))),
        ],
        create: Some(create::<Server>),
    })
}

impl Server {
    /// What the script has said is to be called: a reference of the caller's own, for the script may say something else
    /// while it runs.
    pub(in crate::php) fn callback(&self, on: On) -> Option<Callback> {
        self.callbacks.get(on as usize).and_then(|callback| callback.borrow().clone())
    }

    /// Whether there is one.
    pub(in crate::php) fn is_heard(&self, on: On) -> bool {
        self.callbacks.get(on as usize).is_some_and(|callback| callback.borrow().is_some())
    }

    /// Throws in a forked child.
    pub(in crate::php) fn check_process(&self) -> Result<(), Thrown> {
        check_process(self.birth)
    }

    pub(in crate::php) fn session(&self) -> Option<Rc<Session>> {
        self.session.borrow().clone()
    }

    /// A run begins.
    pub(in crate::php) fn attach(&self, session: Rc<Session>) {
        RUNNING.with(|running| running.borrow_mut().push(Rc::downgrade(&session)));
        session.consumer().announce(self.announced.borrow().clone());
        self.session.replace(Some(session));
        self.tell_interests();
    }

    /// It is over.
    pub(in crate::php) fn detach(&self, over: &Session) {
        let is_it = self.session().is_some_and(|session| std::ptr::eq(&raw const *session, over));
        if is_it {
            let session = self.session.take();
            self.figures.replace(session.map(|session| session.figures()));
        }
        RUNNING.with(|running| running.borrow_mut().retain(|session| session.strong_count() > 0));
    }

    fn listen(&self, on: On, callback: Option<Callback>) {
        let old = self.callbacks.get(on as usize).and_then(|place| place.replace(callback));
        self.tell_interests();
        drop(old);
    }

    /// Says of which topics it is told who comes and goes, in this run and in later ones.
    pub(in crate::php) fn announce(&self, announced: Announced) {
        if let Some(session) = self.session() {
            session.consumer().announce(announced.clone());
        }
        self.announced.replace(announced);
    }

    fn tell_interests(&self) {
        if let Some(session) = self.session() {
            session.consumer().set_interests(Interests {
                handshakes: self.is_heard(On::Handshake),
                messages: self.is_heard(On::Message) || self.is_heard(On::Authorize),
                drains: self.is_heard(On::Drain),
                requests: self.is_heard(On::Request),
                presence: self.is_heard(On::Join) || self.is_heard(On::Leave),
                kept_requests: false,
            });
        }
    }

    /// Before the new timer is waited for by an event loop.
    fn timer_was_set(&self) {
        if let Some(session) = self.session()
            && !session.is_run
            && session.loops.borrow().is_empty()
        {
            session.rest(&self.timers);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(session) = self.session() {
            // The engine ends a value of the script's, and knows what to do with what that throws.
            run::give_up(self, &session, drop);
        }
    }
}

/// Ends every run that is still on when PHP's request ends: after that no thread of ours may run. All are told before
/// the first is waited for, so that together they take no longer than one.
pub(in crate::php) fn end_all() {
    let running = RUNNING.with(|running| std::mem::take(&mut *running.borrow_mut()));
    for session in running.iter().filter_map(Weak::upgrade) {
        end_later(session);
    }
    await_ends();
}

/// Orders the end of a run without waiting for it: the script ends, and other runs may have to end with it.
pub(in crate::php) fn end_later(session: Rc<Session>) {
    if !session.is_foreign() {
        session.order_abort();
    }
    ENDING.with(|ending| ending.borrow_mut().push(session));
}

/// Waits for the runs whose end was ordered.
pub(in crate::php) fn await_ends() {
    let ending = ENDING.with(|ending| std::mem::take(&mut *ending.borrow_mut()));
    for session in ending {
        if session.is_foreign() {
            // The threads are in another process; whatever they might hold must not be touched.
            std::mem::forget(session);
        } else {
            session.await_abort();
        }
    }
}

thread_local! {
    /// As `RUNNING`, and of runs that have let go of every PHP value.
    static ENDING: std::mem::ManuallyDrop<RefCell<Vec<Rc<Session>>>> =
        const { std::mem::ManuallyDrop::new(RefCell::new(Vec::new())) };
    /// Never dropped: a destructor of a thread would run after the module is unloaded.
    static RUNNING: std::mem::ManuallyDrop<RefCell<Vec<Weak<Session>>>> =
        const { std::mem::ManuallyDrop::new(RefCell::new(Vec::new())) };
}

/// The server that a method was called on; an exception in a forked child.
pub(in crate::php) fn this<'a>(call: &Call<'a>) -> Result<&'a Server, Thrown> {
    let server = call.this::<Server>()?;
    server.check_process()?;
    Ok(server)
}

fn construct(call: &mut Call<'_>) -> Result<(), Thrown> {
    let Options { config, dialect, logger } = options::read(call)?;
    call.construct(Server {
        birth: fork::Process::current(),
        config,
        dialect,
        logger,
        timers: Rc::default(),
        rules: Rc::default(),
        calls: Calls::default(),
        callbacks: [const { RefCell::new(None) }; On::COUNT],
        announced: RefCell::default(),
        session: RefCell::new(None),
        figures: RefCell::new(None),
    })
}

pub(in crate::php) fn on(call: &mut Call<'_>, on: On) -> Result<(), Thrown> {
    let server = this(call)?;
    server.listen(on, Some(Callback::argument(call, 1)?));
    call.returns_this();
    Ok(())
}

fn on_handshake(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Handshake)
}

fn on_open(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Open)
}

fn on_message(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Message)
}

fn on_authorize(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Authorize)
}

fn on_subscribe(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let text = call.string(1)?;
    let text =
        text.as_str().map_err(|_| bad_argument(1, "must be printable ASCII without spaces and commas"))?;
    let pattern = TopicPattern::parse(text).map_err(|error| bad_argument(1, &error.to_string()))?;
    server.rules.set(text, pattern, Callback::argument(call, 2)?);
    call.returns_this();
    Ok(())
}

fn on_close(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Close)
}

fn on_error(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Error)
}

fn on_drain(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Drain)
}

fn on_request(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Request)
}

fn on_start(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Start)
}

fn on_stop(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Stop)
}

fn set_handler(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    call.object(1, &handlers::HANDLER)?;
    let object = call.value(1).ok_or_else(failed)?;
    for (on, method) in [
        (On::Handshake, "onHandshake"),
        (On::Open, "onOpen"),
        (On::Message, "onMessage"),
        (On::Close, "onClose"),
        (On::Error, "onError"),
    ] {
        let callback = Callback::method(object, method)?;
        let inherited = callback.is_declared_by(&handlers::BASE_HANDLER);
        server.listen(on, (!inherited).then_some(callback));
    }
    call.returns_this();
    Ok(())
}

fn do_run(call: &mut Call<'_>) -> Result<(), Thrown> {
    run::run(this(call)?, &call.this_kept())
}

fn do_start(call: &mut Call<'_>) -> Result<(), Thrown> {
    run::start(this(call)?, &call.this_kept())
}

fn do_poll(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let timeout = seconds(call, 1, 0.0, true)?;
    let ran = run::poll(server, &call.this_kept(), timeout)?;
    call.returns_int(i64::try_from(ran).unwrap_or(i64::MAX));
    Ok(())
}

fn stream(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let session = server.session().ok_or_else(|| throw(Throw::State, "The server is not started"))?;
    let stream = session.stream(&server.timers).map_err(|error| {
        throw(Throw::State, &format!("No stream can be made beside those that are open: {error}"))
    })?;
    call.returns(stream.ok_or_else(failed)?);
    Ok(())
}

fn do_stop(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let grace = seconds(call, 1, 10.0, true)?;
    run::stop(server, &call.this_kept(), grace)
}

fn addresses(call: &mut Call<'_>) -> Result<(), Thrown> {
    let session = call.this::<Server>()?.session();
    let addresses = session.as_ref().map(|session| session.addresses()).unwrap_or_default();
    call.returns_array(values::list(addresses.iter().map(|address| address_of(address).as_bytes())));
    Ok(())
}

fn reload_tls(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    if server.config.tls.is_empty() {
        return Err(throw(Throw::State, "The server has no certificates: give it the option tls"));
    }
    let session = server.session().ok_or_else(|| throw(Throw::State, "The server is not started"))?;
    options::check_certificates(&server.config)
        .and_then(|()| session.reload_tls())
        .map_err(|error| throw(Throw::Configuration, &error.to_string()))
}

/// The core says what clients connect to, `ws://host:port`; here it is the notation of `listen`.
fn address_of(url: &str) -> &str {
    url.strip_prefix("ws+").or_else(|| url.strip_prefix("ws://")).unwrap_or(url)
}

fn after(call: &mut Call<'_>) -> Result<(), Thrown> {
    set_timer(call, false)
}

fn every(call: &mut Call<'_>) -> Result<(), Thrown> {
    set_timer(call, true)
}

fn set_timer(call: &mut Call<'_>, repeat: bool) -> Result<(), Thrown> {
    let server = this(call)?;
    let time = seconds(call, 1, 0.0, !repeat)?;
    let callback = Callback::argument(call, 2)?;
    let timer = server.timers.set(time, repeat.then_some(time), callback).ok_or_else(failed)?;
    server.timer_was_set();
    call.returns_native(&timer);
    Ok(())
}

fn stats(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let figures = server.session().map(|session| session.figures());
    let figures = figures.or_else(|| server.figures.borrow().clone()).unwrap_or_else(no_figures);
    let mut array = ZendHashTable::new();
    for figure in figures {
        let _ = array.insert(figure.name, values::int(figure.value));
    }
    call.returns_array(array);
    Ok(())
}

/// Reads a time.
pub(in crate::php) fn seconds(
    call: &Call<'_>,
    number: u32,
    default: f64,
    may_be_zero: bool,
) -> Result<Duration, Thrown> {
    let value = call.float_or(number, default)?;
    let time = Duration::try_from_secs_f64(value).ok().filter(|time| *time <= LONGEST);
    time.filter(|time| may_be_zero || !time.is_zero()).ok_or_else(|| {
        let least = if may_be_zero { "0 seconds or more" } else { "more than 0 seconds" };
        bad_argument(number, &format!("must be {least}, and at most ten years, {value} given"))
    })
}

/// Far more than anybody means, and small enough to be added to any instant.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 86_400);
