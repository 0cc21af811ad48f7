//! `Ferrite\Server`: its declaration and its methods.

use ext_php_rs::types::ZendHashTable;

use super::{arguments::seconds, handlers, messages, options, presence, workers};
use crate::{
    php::{
        event_loop::{
            run,
            server::{On, Server, this},
        },
        zend::{
            call::{Call, handler},
            callback::Callback,
            class::{BadDeclaration, ClassKind, Declaration, Handler},
            objects::{Native, create},
            thrown::{ExceptionKind, Thrown, bad_argument, failed, throw},
            values,
        },
    },
    port::{TopicPattern, no_figures},
};

/// Every method, with its signature as the stub has it.
const METHODS: &[(&str, Option<Handler>)] = &[
    (
        "public function __construct(string|array $listen = '127.0.0.1:8080', \
             Tls|array|null $tls = null, ?Limits $limits = null, ?Heartbeat $heartbeat = null, \
             ?Compression $compression = null, ?array $origins = null, array $protocols = [], \
             array $trustedProxies = [], ?string $health = null, ?string $metrics = null, \
             #[\\SensitiveParameter] string|array|null $control = null, \
             Auth\\Jwt|Auth\\AppKeys|array|null $auth = null, \
             ?Protocol\\Gomoob $dialect = null, int $ioThreads = 0, ?callable $logger = null, \
             Workers|int $workers = 0)",
        Some(handler(construct)),
    ),
    ("public function onHandshake(callable $callback): static", Some(handler(on_handshake))),
    ("public function onOpen(callable $callback): static", Some(handler(on_open))),
    ("public function onMessage(callable $callback): static", Some(handler(on_message))),
    ("public function onAuthorize(callable $callback): static", Some(handler(on_authorize))),
    ("public function onSubscribe(string $pattern, callable $rule): static", Some(handler(on_subscribe))),
    ("public function onClose(callable $callback): static", Some(handler(on_close))),
    ("public function onError(callable $callback): static", Some(handler(on_error))),
    ("public function onDrain(callable $callback): static", Some(handler(on_drain))),
    ("public function onRequest(callable $callback): static", Some(handler(on_request))),
    ("public function onJoin(callable $callback): static", Some(handler(on_join))),
    ("public function onLeave(callable $callback): static", Some(handler(on_leave))),
    ("public function onStart(callable $callback): static", Some(handler(on_start))),
    ("public function onStop(callable $callback): static", Some(handler(on_stop))),
    ("public function onAttach(callable $callback): static", Some(handler(on_attach))),
    ("public function onDetach(callable $callback): static", Some(handler(on_detach))),
    ("public function handler(Handler $handler): static", Some(handler(set_handler))),
    ("public function run(): void", Some(handler(do_run))),
    ("public function start(): void", Some(handler(do_start))),
    ("public function poll(float $timeout = 0.0): int", Some(handler(do_poll))),
    ("public function stream()", Some(handler(stream))),
    ("public function stop(float $grace = 10.0): void", Some(handler(do_stop))),
    ("public function addresses(): array", Some(handler(addresses))),
    ("public function reloadTls(): void", Some(handler(reload_tls))),
    ("public function worker(): ?Worker", Some(handler(worker))),
    ("public function reload(): void", Some(handler(reload))),
    ("public function attempt(): int", Some(handler(attempt))),
    (
        "public function send(int $connection, string $data, bool $binary = false, \
             ?bool $compress = null): SendResult",
        Some(handler(messages::send)),
    ),
    (
        "public function broadcast(string $data, bool $binary = false, \
             Connection|array|null $except = null, ?bool $compress = null): int",
        Some(handler(messages::broadcast)),
    ),
    (
        "public function publish(string $topic, string $data, bool $binary = false, \
             Connection|array|null $except = null, ?bool $compress = null): int",
        Some(handler(messages::publish)),
    ),
    ("public function presence(string $topic): array", Some(handler(presence::presence))),
    (
        "public function announcePresence(string|array $topics, float $grace = 0.0, \
             bool $toClients = true): static",
        Some(handler(presence::announce_presence)),
    ),
    ("public function to(): Audience", Some(handler(messages::to))),
    ("public function connection(int $id): ?Connection", Some(handler(messages::connection))),
    ("public function connections(): array", Some(handler(messages::connections))),
    ("public function count(): int", Some(handler(messages::count))),
    ("public function after(float $seconds, callable $callback): Timer", Some(handler(after))),
    (
        "public function every(float $seconds, callable $callback, bool $everywhere = false): Timer",
        Some(handler(every)),
    ),
    ("public function stats(): array", Some(handler(stats))),
];

pub(in crate::php) fn declare() -> Result<(), BadDeclaration> {
    Server::class().declare(&Declaration {
        name: "Ferrite\\Server",
        kind: ClassKind::Native,
        parent: std::ptr::null_mut(),
        interfaces: &[],
        properties: &[],
        methods: METHODS,
        create: Some(create::<Server>),
    })
}

fn construct(call: &mut Call<'_>) -> Result<(), Thrown> {
    let options = options::read(call)?;
    call.construct(Server::new(options))
}

fn on(call: &mut Call<'_>, on: On) -> Result<(), Thrown> {
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
    let session = server.session().ok_or_else(|| throw(ExceptionKind::State, "The server is not started"))?;
    let stream = session.stream(&server.timers).map_err(|error| {
        throw(ExceptionKind::State, &format!("No stream can be made beside those that are open: {error}"))
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
        return Err(throw(ExceptionKind::State, "The server has no certificates: give it the option tls"));
    }
    let session = server.session().ok_or_else(|| throw(ExceptionKind::State, "The server is not started"))?;
    options::check_certificates(&server.config)
        .and_then(|()| session.reload_tls())
        .map_err(|error| throw(ExceptionKind::Configuration, &error.to_string()))
}

/// The core gives the URL for clients, `ws://host:port`; here it is the notation of `listen`.
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
    let is_everywhere = repeat && call.bool_or(3, false)?;
    let timer =
        server.timers.set(time, repeat.then_some(time), is_everywhere, callback).ok_or_else(failed)?;
    server.timer_was_set();
    call.returns_native(&timer);
    Ok(())
}

fn stats(call: &mut Call<'_>) -> Result<(), Thrown> {
    let server = this(call)?;
    let no_figures = || no_figures().into_iter().map(|figure| (figure.name.into(), figure.value)).collect();
    let mut array = ZendHashTable::new();
    for (name, value) in server.figures().unwrap_or_else(no_figures) {
        let _ = array.insert(&*name, values::int(value));
    }
    call.returns_array(array);
    Ok(())
}

fn on_attach(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Attach)
}

fn on_detach(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Detach)
}

fn worker(call: &mut Call<'_>) -> Result<(), Thrown> {
    let status = this(call)?.session().and_then(|session| session.consumer().worker());
    call.returns(status.and_then(workers::worker).unwrap_or_else(values::null));
    Ok(())
}

fn reload(call: &mut Call<'_>) -> Result<(), Thrown> {
    let session = this(call)?.session();
    let session = session.ok_or_else(|| throw(ExceptionKind::State, "The server is not started"))?;
    if session.consumer().reload() {
        return Ok(());
    }
    Err(throw(
        ExceptionKind::State,
        "The server has no workers that could be replaced: give it the option workers",
    ))
}

fn attempt(call: &mut Call<'_>) -> Result<(), Thrown> {
    let attempt = this(call)?.session().map_or(1, |session| session.attempt.get());
    call.returns_int(attempt.into());
    Ok(())
}

fn on_join(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Join)
}

fn on_leave(call: &mut Call<'_>) -> Result<(), Thrown> {
    on(call, On::Leave)
}
