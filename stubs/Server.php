<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A WebSocket server inside one PHP process.
 *
 * Native threads accept, frame, ping and buffer; callbacks are ordinary PHP on the ordinary PHP
 * thread, one at a time. A callback may block: other clients are still accepted, pinged and sent
 * what was already queued, only their own callbacks wait.
 *
 * Order: the callbacks of one connection come in wire order and never overlap: handshake, open,
 * message…, close; close comes exactly once for every open, whatever happened. Between connections
 * nothing is promised. What PHP sends reaches each connection in the order in which it was sent,
 * whether by {@see Connection::send()}, {@see Server::send()}, {@see Server::publish()},
 * {@see Server::broadcast()} or {@see Target::send()}. None of these waits for the network.
 *
 * Errors: an exception in a callback hits only the connection it was called for: it goes to
 * {@see Server::onError()}, the connection is closed with 1011, the server goes on. What the destructor
 * of a value throws when the server lets go of it goes there too, and closes nobody. `exit()` and a
 * fatal error stop the server in an orderly way and keep PHP's own exit code.
 *
 * CLI only; the object belongs to the process that made it. Neither cloneable nor serialisable.
 *
 * ```php
 * $server = new Ferrite\Server('127.0.0.1:8080');
 * $server->onMessage(function (Ferrite\Connection $from, string $data, bool $binary): void {
 *     $from->send($data, $binary);
 * });
 * $server->run();
 * ```
 */
final class Server
{
    /**
     * Checks and keeps the options. Nothing is bound and no thread is started yet.
     *
     * @param string|list<string> $listen Where to listen: `host:port`, `[v6]:port`, `unix:///path`,
     *     `systemd` (all sockets that systemd passes) or `systemd:name`, or a list of these. Port 0
     *     takes a free one, see {@see Server::addresses()}. Of a name, such as `localhost`, all addresses
     *     are bound that this machine has. `[::]` is every IPv6 address and no IPv4 one. With `?proxy_protocol` behind it, every
     *     connection there has to begin with a PROXY header (version 1 or 2), which says who the client is;
     *     one without is closed. Only the proxy may reach such an address.
     *     `wss://` before a TCP address demands TLS there and `ws://` none; without either it is spoken if
     *     there is `tls`. Unix sockets are always plain.
     * @param Tls|list<Tls>|null $tls Certificates; a client is shown the first of those that bear the name it
     *     asks for (SNI), or else the first of all. null = no TLS.
     * @param Limits|null $limits null = `new Limits()`.
     * @param Heartbeat|null $heartbeat null = `new Heartbeat()`.
     * @param Compression|null $compression null = messages are never compressed.
     * @param list<string>|null $origins Pages that may connect, as `scheme://host[:port]`;
     *     `https://*.chat.example` = every subdomain at any depth, not `chat.example` itself; a final `/` counts
     *     for nothing. `file://` = files in browsers and frameworks that say so; `null` = in others, and every
     *     sandboxed frame of every site, so anybody's. null = pages from the same host and port; `['*']` = any,
     *     which is logged as a warning. A client that sends no Origin is not a page and is let in.
     * @param list<string> $protocols Subprotocols this server speaks, in no particular order: the first of
     *     them that the client offers is agreed on, unless {@see Handshake::accept()} names another.
     * @param list<string> $trustedProxies Addresses or networks (`10.0.0.0/8`) whose forwarded headers
     *     (`X-Forwarded-For`, `X-Forwarded-Proto`, `Forwarded`) are believed; `unix:` = everyone who connects
     *     to a Unix socket. Everybody else's are ignored. docs/deployment.md says what a proxy has to send.
     * @param string|null $health A path such as `/health`, answered without PHP, so also while a callback
     *     blocks: it and `/health/ready` with 200, or 503 while the server stops or is full;
     *     `/health/live` always with 200. null = not served. docs/http.md says how probes use them.
     * @param string|null $metrics A path such as `/metrics`, for everyone who reaches `listen`, or an address
     *     of its own, `http://127.0.0.1:9090/metrics`: the figures of {@see Server::stats()} for Prometheus,
     *     answered without PHP. null = not served.
     * @param string|list<string>|null $control Where other programs may speak to the clients, without waiting for
     *     PHP: `unix:///run/app/control.sock` for those of the same user, `http://KEY:SECRET@127.0.0.1:9000` (or
     *     `https://…`, with the certificates of `tls`) for those who sign with the secret. Several addresses that
     *     differ in the key alone are one listener with several keys. docs/control-api.md. null = nowhere.
     * @param Auth\Jwt|Auth\AppKeys|list<Auth\Jwt|Auth\AppKeys>|null $auth Who clients have to be: what they bring is checked before
     *     PHP is entered, and who brings nothing good is told 401. Of a list any will do. null = nothing is asked.
     *     Plain HTTP requests are not asked either. docs/authorisation.md has recipes.
     * @param Protocol\Gomoob|null $dialect A protocol on top of WebSockets that the server speaks by itself.
     *     null = none, every message is for {@see Server::onMessage()}.
     * @param int $ioThreads Native threads for the network; 0 = one less than there are processors, at
     *     least 1, at most 4. With 1, {@see self::run()} serves the network itself while it waits, which gives
     *     the lowest latency; more are for fan-out to many clients. docs/performance.md says what each costs.
     * @param (callable(string, string, array<string, mixed>): void)|null $logger Gets every log line as
     *     level (the PSR-3 names), message and context, on the PHP thread; `$psr3->log(...)` fits as is.
     *     null = standard error. With a logger the server writes nothing there itself. Message and context are
     *     text without line breaks and other control characters, which are escaped, and bounded. Lines that standard
     *     error does not take at once are dropped and counted.
     *
     * @throws ConfigurationException On every wrong value; the message begins with the option's name, as
     *     in `listen: …`. Files and Unix sockets that are not within PHP's `open_basedir` are wrong values, also
     *     when the server starts.
     */
    public function __construct(
        string|array $listen = '127.0.0.1:8080',
        Tls|array|null $tls = null,
        ?Limits $limits = null,
        ?Heartbeat $heartbeat = null,
        ?Compression $compression = null,
        ?array $origins = null,
        array $protocols = [],
        array $trustedProxies = [],
        ?string $health = null,
        ?string $metrics = null,
        #[\SensitiveParameter]
        string|array|null $control = null,
        Auth\Jwt|Auth\AppKeys|array|null $auth = null,
        ?Protocol\Gomoob $dialect = null,
        int $ioThreads = 0,
        ?callable $logger = null,
    ) {}

    /**
     * Called for each client that asks to connect; it decides with {@see Handshake::accept()},
     * {@see Handshake::reject()} or later, after {@see Handshake::defer()}.
     *
     * A callback that does none of these accepts. An exception in it answers 500. Without this callback
     * clients are accepted without entering PHP.
     * Registering again replaces, as for all `on…` methods; that also works while the server runs.
     *
     * @param callable(Handshake): void $callback
     */
    public function onHandshake(callable $callback): static {}

    /**
     * Called once for each accepted client, before its first message.
     *
     * @param callable(Connection): void $callback
     */
    public function onOpen(callable $callback): static {}

    /**
     * Called for each complete message; text is valid UTF-8.
     *
     * @param callable(Connection, string, bool): void $callback Connection, data, and true for a binary
     *     message.
     */
    public function onMessage(callable $callback): static {}

    /**
     * Called for each complete message before {@see self::onMessage()}: whether its sender may say that.
     *
     * With false the message is not heard, its connection is closed with 3003 ({@see CloseCode::Forbidden}), and
     * nothing more of what it has sent is heard. An exception, or anything but a bool, is as in every callback
     * 1011, and the message is not heard either.
     *
     * @param callable(Connection, string, bool): bool $callback Connection, data, and true for a binary message.
     */
    public function onAuthorize(callable $callback): static {}

    /**
     * A rule about topics: asked whenever {@see Connection::subscribe()} or {@see Target::subscribe()} would add one
     * that matches.
     *
     * The first rule that matches decides, in the order of registration; a topic that no rule matches is allowed.
     * Registering a pattern again replaces its rule. Not asked about the topics that a client begins with, of its
     * token or of {@see Handshake::accept()}: they are the issuer's word and your own.
     *
     * ```php
     * $server->onSubscribe('orders.{id}', fn (Connection $c, string $topic, array $p): bool => $orders->owner($p['id']) === $c->user)
     *     ->onSubscribe('private.*', fn (): bool => false);
     * ```
     *
     * @param string $pattern `{name}` stands for one or more characters other than `.`, `:` and `/`, and is given to
     *     the rule; `*` for any characters, also none. The rest stands for itself. Two placeholders have something
     *     between them.
     * @param callable(Connection, string, array<array-key, string>): bool $rule Connection, topic, and what the names in
     *     the pattern stand for. What it throws, `subscribe()` throws. It may subscribe to something itself, but not
     *     sixteen rules deep ({@see StateException}).
     *
     * @throws \ValueError The pattern cannot be read.
     */
    public function onSubscribe(string $pattern, callable $rule): static {}

    /**
     * Called exactly once for each opened connection, after its last message.
     *
     * The connection is closed by then: sending to it answers {@see SendResult::Closed}; its `$data`,
     * `$user` and `$request` are still there.
     *
     * @param callable(Connection, int, string): void $callback Connection, code and reason of the close
     *     frame that came first, from either side; {@see CloseCode::NoStatus} when it had none,
     *     {@see CloseCode::Abnormal} when the client vanished.
     */
    public function onClose(callable $callback): static {}

    /**
     * Called with what another callback threw; that connection is then closed with 1011.
     *
     * Without this callback the exception is reported as a PHP warning, of one line in which control characters
     * are escaped. One thrown by this callback
     * itself is always reported so.
     *
     * @param callable(\Throwable, ?Connection): void $callback The connection is null when none was
     *     concerned: handshake, request, timer, start, stop.
     */
    public function onError(callable $callback): static {}

    /**
     * Called when a client that was too slow has caught up: a send to it had answered
     * {@see SendResult::Buffered} (or `Dropped`), and its outbox is empty again.
     *
     * Once per congestion, not once per message.
     *
     * @param callable(Connection): void $callback
     */
    public function onDrain(callable $callback): static {}

    /**
     * Called for each HTTP request that does not ask for a WebSocket; what it returns is the answer.
     *
     * A string is 200 with `text/plain; charset=utf-8`, null is 404. An exception, or anything else that is
     * returned, answers 500 and goes to {@see Server::onError()} without a connection. Without this callback
     * such clients get 426. The options `health` and `metrics` come first; origins are not checked.
     *
     * The whole request is there when it is called: bodies are at most {@see Limits::$maxRequestBody}. The
     * client is answered 503 after ten seconds, and a response larger than {@see Limits::$sendBuffer} becomes
     * 500. One request a connection: it is closed after the answer.
     *
     * ```php
     * $server->onRequest(fn (Ferrite\Request $request) => match ($request->path) {
     *     '/' => new Ferrite\Response($page, headers: ['Content-Type' => 'text/html; charset=utf-8']),
     *     '/online' => Ferrite\Response::json(['online' => $server->count()]),
     *     default => null,
     * });
     * ```
     *
     * @param callable(Request): (Response|string|null) $callback
     */
    public function onRequest(callable $callback): static {}

    /**
     * Called when a user's first connection is in a topic of {@see Server::announcePresence()}.
     *
     * After the topic's subscribers were told and, if a client that connects causes it, after `onOpen`. Of one
     * user and topic, joins and leaves alternate.
     *
     * @param callable(string, string): void $callback Topic and user.
     */
    public function onJoin(callable $callback): static {}

    /**
     * Called when a user's last connection has left such a topic, whatever the reason: after `onClose` if the
     * connection closed, at the latest before `onStop`.
     *
     * @param callable(string, string): void $callback Topic and user.
     */
    public function onLeave(callable $callback): static {}

    /**
     * Called once per run, when all listeners are bound and before any other callback.
     *
     * @param callable(Server): void $callback
     */
    public function onStart(callable $callback): static {}

    /**
     * Called once per run, after the last close callback.
     *
     * @param callable(Server): void $callback
     */
    public function onStop(callable $callback): static {}

    /**
     * Takes the five callbacks of an object at once; the same as the five `on…` calls.
     *
     * A method that is still {@see BaseHandler}'s empty one counts as not registered: it costs no call,
     * and an exception still reaches PHP's warning log.
     */
    public function handler(Handler $handler): static {}

    /**
     * Binds, serves, and returns after {@see Server::stop()} or a signal.
     *
     * SIGTERM, SIGINT and SIGQUIT stop it as `stop()` does; a second one stops at once. Where the script has set
     * a handler of its own (pcntl), that one is called instead, also without `pcntl_async_signals()`; an
     * exception it throws leaves `run()`. The former dispositions are back when `run()` returns.
     * May be called again afterwards, and inside a Fiber.
     *
     * Under systemd with `Type=notify` it is ready when {@see Server::onStart()}'s callback has returned;
     * `WatchdogSec=` has to be twice what any callback takes. The same holds for {@see Server::start()}.
     *
     * @throws BindException An address cannot be bound; names the address and the reason.
     * @throws StateException The server runs already, this is a forked child, or the SAPI is not CLI.
     */
    public function run(): void {}

    /**
     * Binds and begins to serve, for scripts that own the loop; callbacks run inside
     * {@see Server::poll()}.
     *
     * Signals are left to the script.
     *
     * ```php
     * $server->start();
     * $stream = $server->stream();
     * while (true) {
     *     $read = [$stream, $other];
     *     $write = $except = null;
     *     stream_select($read, $write, $except, null);
     *     $server->poll();
     * }
     * ```
     *
     * @throws BindException An address cannot be bound; names the address and the reason.
     * @throws StateException The server runs already, this is a forked child, or the SAPI is not CLI.
     */
    public function start(): void {}

    /**
     * Runs the callbacks that are due: a bounded batch, so that a flood cannot keep it for ever.
     *
     * May be called from another Fiber while a callback is suspended in its own: other connections go
     * on, the suspended callback's connection waits for it. Not inside a callback: what comes meanwhile would run
     * inside it, as deep as clients like. A callback that has to wait does so in a Fiber, or just returns.
     *
     * @param float $timeout Seconds to wait for the first one; 0.0 = do not wait.
     *
     * @return int How many callbacks ran.
     *
     * @throws StateException Not started, inside `run()`, inside a callback, in a forked child, or sixteen loops
     *     deep: callbacks can run loops of other servers, and their own in another Fiber.
     * @throws \ValueError The timeout is negative or not a number.
     */
    public function poll(float $timeout = 0.0): int {}

    /**
     * A stream that is readable whenever {@see Server::poll()} has something to do, due timers included.
     *
     * For `stream_select()`, ReactPHP's `addReadStream()`, Revolt's `onReadable()`. Only wait on it: there is
     * nothing to read. The same stream in every call of one run, unless you close it: then another one.
     *
     * @return resource
     *
     * @throws StateException Not started, in a forked child, or without a free descriptor.
     */
    public function stream() {}

    /**
     * Ends the run: no new clients, outboxes are drained, every client is closed with 1001 in a spread,
     * the close callbacks and `onStop` run, the threads are joined.
     *
     * In a callback it returns at once and the surrounding `run()` or `poll()` does the work. Elsewhere
     * it does the work itself and returns when all is done. Without effect when nothing runs.
     *
     * @param float $grace Seconds until clients that are still there are cut off; 0.0 = at once.
     *
     * @throws StateException In a forked child, or sixteen loops of other servers deep; the stop is ordered all the same.
     * @throws \ValueError The grace is negative or not a number.
     */
    public function stop(float $grace = 10.0): void {}

    /**
     * What is bound, in the order of `listen`, with real ports; empty when nothing runs.
     *
     * @return list<string> In the notation of `listen`, without what stands behind `?`; those that speak TLS
     *     begin with `wss://`. Then the URL of the metrics, if they have an address of their own, and those of
     *     `control`, without key and secret.
     */
    public function addresses(): array {}

    /**
     * Reads the certificate files again, for clients that connect from now on. Open connections go on.
     *
     * Changed files are noticed without it, within ten seconds.
     *
     * @throws ConfigurationException A file cannot be used; the certificates before stay in use.
     * @throws StateException The server does not run, or has no `tls`.
     */
    public function reloadTls(): void {}

    /**
     * Sends to one connection by its id.
     *
     * @param int $connection {@see Connection::$id}; an unknown one is a client that has gone.
     * @param string $data The message; UTF-8 unless binary.
     * @param bool|null $compress Whether to compress it for clients that can; null = a text of at least
     *     {@see Compression::$threshold} bytes is. Means nothing without {@see Compression}.
     *
     * @throws \ValueError A text message is not valid UTF-8, or the message is larger than
     *     {@see Limits::$totalSendBuffer} allows; nothing is sent.
     * @throws StateException In a forked child.
     */
    public function send(
        int $connection,
        string $data,
        bool $binary = false,
        ?bool $compress = null,
    ): SendResult {}

    /**
     * Sends to every open connection.
     *
     * @param string $data The message; UTF-8 unless binary.
     * @param Connection|list<Connection|int>|null $except Who shall not get it; objects or ids.
     * @param bool|null $compress Whether to compress it for clients that can; null = a text of at least
     *     {@see Compression::$threshold} bytes is. Means nothing without {@see Compression}.
     *
     * @return int How many connections it was addressed to.
     *
     * @throws \ValueError A text message is not valid UTF-8, or the message is larger than
     *     {@see Limits::$totalSendBuffer} allows; nothing is sent.
     * @throws StateException In a forked child.
     */
    public function broadcast(
        string $data,
        bool $binary = false,
        Connection|array|null $except = null,
        ?bool $compress = null,
    ): int {}

    /**
     * Sends to the subscribers of a topic.
     *
     * @param string $topic 1–200 bytes of printable ASCII without spaces or commas.
     * @param string $data The message; UTF-8 unless binary.
     * @param Connection|list<Connection|int>|null $except Who shall not get it; objects or ids.
     * @param bool|null $compress Whether to compress it for clients that can; null = a text of at least
     *     {@see Compression::$threshold} bytes is. Means nothing without {@see Compression}.
     *
     * @return int How many connections it was addressed to.
     *
     * @throws \ValueError The topic's name is invalid, a text message is not valid UTF-8, or the message is
     *     larger than {@see Limits::$totalSendBuffer} allows; nothing is sent.
     * @throws StateException In a forked child.
     */
    public function publish(
        string $topic,
        string $data,
        bool $binary = false,
        Connection|array|null $except = null,
        ?bool $compress = null,
    ): int {}

    /**
     * The users that are in a topic, each once however many connections it has there; docs/presence.md.
     *
     * Connections without a user are not listed. Who left an announced topic and may come back within the grace
     * is. In a callback it agrees with what subscribers are told: changes until now have been sent before, and
     * later ones come after whatever is made of this list.
     *
     * @return list<string> In the order of their bytes; empty when nothing runs.
     *
     * @throws \ValueError The topic's name is invalid.
     * @throws StateException In a forked child.
     */
    public function presence(string $topic): array {}

    /**
     * Has the subscribers of these topics told which users come and go, in place of what was announced before;
     * docs/presence.md.
     *
     * They get the texts `{"event":"join","topic":"room","user":"ann"}` and `{"event":"leave",…}`, between
     * callbacks and without PHP: a join for the first connection of a user, a leave after the last. So do
     * {@see Server::onJoin()} and {@see Server::onLeave()}. Holds for later runs too. What one user, or all together,
     * cause faster than subscribers are told (docs/presence.md, "The pace") is told later, or never if it is undone.
     *
     * @param string|list<string> $topics Names of topics; `room.*` = all that begin with `room.`; a `*`
     *     that is not the last character stands for itself. `[]` = none.
     * @param float $grace Seconds within which a user who comes back was never away; 0.0 = a leave is told at
     *     once.
     * @param bool $toClients false = only the callbacks are told.
     *
     * @throws \ValueError A name is invalid, or the grace is negative or not finite.
     * @throws StateException In a forked child.
     */
    public function announcePresence(
        string|array $topics,
        float $grace = 0.0,
        bool $toClients = true,
    ): static {}

    /**
     * All connections, to be narrowed by what they are: topic, user, tags.
     *
     * ```php
     * $server->to()->topic('lobby')->tags(Tag::parse('lang=FR & !muted'))->send('Bonjour');
     * ```
     *
     * @throws StateException In a forked child.
     */
    public function to(): Target {}

    /**
     * The open connection with this id, or null.
     *
     * @throws StateException In a forked child.
     */
    public function connection(int $id): ?Connection {}

    /**
     * The connections that are open now; opening and closing while iterating is harmless.
     *
     * @return list<Connection>
     *
     * @throws StateException In a forked child.
     */
    public function connections(): array {}

    /**
     * How many connections are open.
     *
     * @throws StateException In a forked child.
     */
    public function count(): int {}

    /**
     * Calls back once, between other callbacks, not before the time has passed.
     *
     * Timers run while the server runs, by due time, then in the order of their creation; those left at
     * the end of a run are discarded. An exception goes to {@see Server::onError()} without a connection.
     *
     * @param float $seconds From now; 0.0 = in the next turn.
     * @param callable(): void $callback
     *
     * @throws \ValueError The time is negative or not finite.
     * @throws StateException In a forked child.
     */
    public function after(float $seconds, callable $callback): Timer {}

    /**
     * Calls back again and again until {@see Timer::cancel()}; turns missed while PHP was busy are not
     * made up.
     *
     * @param float $seconds Between two calls, and before the first; greater than 0.
     * @param callable(): void $callback
     *
     * @throws \ValueError The time is not greater than 0 or not finite.
     * @throws StateException In a forked child.
     */
    public function every(float $seconds, callable $callback): Timer {}

    /**
     * Counters and gauges, by the names of the Prometheus endpoint (`ferrite_…`).
     *
     * @return array<string, int>
     *
     * @throws StateException In a forked child.
     */
    public function stats(): array {}
}
