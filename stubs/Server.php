<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A WebSocket server inside one PHP process.
 *
 * Native threads accept, frame, ping and buffer; callbacks are ordinary PHP on the ordinary PHP thread, one at a time.
 * If a callback blocks, other clients are still accepted, pinged and sent the queued messages; only their callbacks
 * wait.
 *
 * Order: the callbacks of one connection are called in wire order and never overlap: handshake, open, message…, close.
 * Close is called exactly once for every open, in all cases. Between connections there is no order. Messages reach each
 * connection in the order in which PHP sent them,
 * whether by {@see Connection::send()}, {@see Server::send()}, {@see Server::publish()},
 * {@see Server::broadcast()} or {@see Audience::send()}. None of these waits for the network.
 *
 * Errors: an exception in a callback affects only the connection of that call: it goes to {@see Server::onError()}, the
 * connection is closed with 1011, and the server goes on. An exception of a destructor, when the server releases a
 * value, goes there too, and closes no connection. `exit()` and a fatal error stop the server in an orderly way and
 * keep PHP's own exit code.
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
     * @param string|list<string> $listen Addresses to listen on: `host:port`, `[v6]:port`, `unix:///path`, `systemd`
     *     (all sockets that systemd passes) or `systemd:name`, or a list of these. Port 0 takes a free one, see
     *     {@see Server::addresses()}. A name, such as `localhost`, binds all its addresses that this machine has.
     *     `[::]` is every IPv6 address and no IPv4 one. With `?proxy_protocol` appended, every connection to the
     *     address has to begin with a PROXY header (version 1 or 2), which names the client; a connection without one
     *     is closed. Only the proxy may reach such an address. `wss://` before a TCP address demands TLS there and
     *     `ws://` means plain; without either, the address uses TLS if there is `tls`. Unix sockets are always plain.
     * @param Tls|list<Tls>|null $tls Certificates; a client gets the first one for the name it asks for (SNI), or else
     *     the first of all. null = no TLS.
     * @param Limits|null $limits null = `new Limits()`.
     * @param Heartbeat|null $heartbeat null = `new Heartbeat()`.
     * @param Compression|null $compression null = messages are never compressed.
     * @param list<string>|null $origins Pages that may connect, as `scheme://host[:port]`; `https://*.chat.example` =
     *     every subdomain at any depth, not `chat.example` itself; a final `/` is ignored. `file://` = files in
     *     browsers and frameworks that send this origin; `null` = files in others, and every sandboxed frame of every
     *     site, so pages of any author. null = pages from the same host and port; `['*']` = any, which is logged as a
     *     warning. A client that sends no Origin is not a page and is accepted.
     * @param list<string> $protocols Subprotocols this server speaks, in no particular order: the first of them that
     *     the client offers is agreed on, unless {@see Handshake::accept()} names another.
     * @param list<string> $trustedProxies Addresses or networks (`10.0.0.0/8`) whose forwarded headers
     *     (`X-Forwarded-For`, `X-Forwarded-Proto`, `Forwarded`) are believed; `unix:` = all connections to a Unix
     *     socket. Those of other peers are ignored. docs/deployment.md lists the headers that a proxy has to send.
     * @param string|null $health A path such as `/health`, answered without PHP, so also while a callback blocks: the
     *     path itself and `/health/ready` with 200, or 503 while the server stops or is full; `/health/live` always
     *     with 200. null = not served. docs/http.md says how probes use them.
     * @param string|null $metrics A path such as `/metrics`, for every client that reaches `listen`, or an address of
     *     its own, `http://127.0.0.1:9090/metrics`: the figures of {@see Server::stats()} for Prometheus, answered
     *     without PHP. null = not served.
     * @param string|list<string>|null $control Addresses at which other programs may reach the clients, without waiting
     *     for PHP: `unix:///run/app/control.sock` for programs of the same user, `http://KEY:SECRET@127.0.0.1:9000` (or
     *     `https://…`, with the certificates of `tls`) for programs that sign with the secret. Several addresses that
     *     differ in the key alone are one listener with several keys. docs/control-api.md. null = none.
     * @param Auth\Jwt|Auth\AppKeys|list<Auth\Jwt|Auth\AppKeys>|null $auth Credentials that clients have to send. They
     *     are checked before PHP is entered; a client without valid ones is answered 401. With a list, one valid kind
     *     suffices. null = no credentials are needed. Plain HTTP requests need none either. docs/authorisation.md has
     *     recipes.
     * @param Protocol\Gomoob|null $dialect A protocol on top of WebSockets that the server speaks by itself. null =
     *     none, every message is for {@see Server::onMessage()}.
     * @param int $ioThreads Native threads for the network; 0 = one less than there are processors, at least 1, at most
     *     4. With 1, {@see self::run()} serves the network itself while it waits, which gives the lowest latency; more
     *     are for fan-out to many clients. docs/performance.md lists the costs of each.
     * @param (callable(string, string, array<string, mixed>): void)|null $logger Gets every log line as level (the
     *     PSR-3 names), message and context, on the PHP thread; `$psr3->log(...)` fits as is. null = standard error.
     *     With a logger the server writes nothing there itself. Message and context are text of bounded length, with
     *     line breaks and other control characters escaped. Lines that standard error does not take at once are dropped
     *     and counted.
     * @param Workers|int $workers PHP processes that handle the events, for {@see self::run()}: a number, or
     *     {@see Workers} with the rules by which they are replaced. 0 = the events are handled in the script's own
     *     process. The environment variable `FERRITE_WORKERS` overrides the number. docs/workers.md.
     *
     * @throws ConfigurationException A value is wrong; the message begins with the option's name, as in `listen: …`.
     *     Files and Unix sockets outside PHP's `open_basedir` are wrong values, also when the server starts.
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
        Workers|int $workers = 0,
    ) {}

    /**
     * Registers the callback for clients that ask to connect. It decides with {@see Handshake::accept()} or
     * {@see Handshake::reject()}, or later, after {@see Handshake::defer()}.
     *
     * A callback that does none of these accepts. An exception in it answers 500. Without this callback clients are
     * accepted without entering PHP. Registering again replaces the callback, also while the server runs; this holds
     * for all `on…` methods.
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
     * Called for each complete message.
     *
     * @param callable(Connection, string, bool): void $callback Connection, data, and `$binary`: false = a text message
     *     of valid UTF-8; true = a binary message of any bytes.
     */
    public function onMessage(callable $callback): static {}

    /**
     * Decides whether a message is accepted. Called for each complete message before {@see self::onMessage()}.
     *
     * `false` drops the message and closes the connection with 3003 ({@see CloseCode::Forbidden}); later messages of
     * that connection are dropped too. An exception, or a result that is no bool, also drops the message, and closes
     * with 1011 as in every callback.
     *
     * @param callable(Connection, string, bool): bool $callback Connection, data, and `$binary`: false = a text message
     *     of valid UTF-8; true = a binary message of any bytes.
     */
    public function onAuthorize(callable $callback): static {}

    /**
     * Registers a rule about topics: called whenever {@see Connection::subscribe()} or {@see Audience::subscribe()}
     * would add a topic that matches the pattern. `true` allows the topic; `false` refuses it, and
     * {@see Connection::subscribe()} then throws {@see Auth\ForbiddenException}.
     *
     * The first rule that matches decides, in the order of registration; a topic that no rule matches is allowed.
     * Registering a pattern again replaces its rule. Rules are not called for the topics of a client's token or of
     * {@see Handshake::accept()}: the token's issuer or the application has granted these already.
     *
     * ```php
     * $isOwner = fn (Connection $c, string $topic, array $p): bool => $orders->owner($p['id']) === $c->user;
     * $server->onSubscribe('orders.{id}', $isOwner)
     *     ->onSubscribe('private.*', fn (): bool => false);
     * ```
     *
     * @param string $pattern `{name}` stands for one or more characters other than `.`, `:` and `/`, and is given to
     *     the rule; `*` for any characters, also none. The rest stands for itself. Two placeholders need a character
     *     between them.
     * @param callable(Connection, string, array<array-key, string>): bool $rule Connection, topic, and the values of
     *     the placeholders by name. `subscribe()` passes on exceptions of the rule. A rule may call `subscribe()`
     *     itself, but not sixteen rules deep ({@see StateException}).
     *
     * @throws \ValueError The pattern cannot be read.
     */
    public function onSubscribe(string $pattern, callable $rule): static {}

    /**
     * Called exactly once for each opened connection, after its last message.
     *
     * The connection is closed by then: sending to it returns {@see SendResult::Closed}; its `$data`, `$user` and
     * `$request` are still there.
     *
     * @param callable(Connection, int, string): void $callback Connection, code and reason of the first close frame,
     *     from either side; {@see CloseCode::NoStatus} if it had no code, {@see CloseCode::Abnormal} if the client
     *     vanished.
     */
    public function onClose(callable $callback): static {}

    /**
     * Called with an exception of another callback; the connection concerned is then closed with 1011.
     *
     * Without this callback the exception is reported as a PHP warning, of one line in which control characters are
     * escaped. An exception of this callback itself is always reported in this way.
     *
     * @param callable(\Throwable, ?Connection): void $callback The connection is null if none was concerned: handshake,
     *     request, timer, start, stop.
     */
    public function onError(callable $callback): static {}

    /**
     * Called when a slow client has caught up: a send to it had returned {@see SendResult::Buffered} (or `Dropped`),
     * and its outbox is empty again.
     *
     * Once per congestion, not once per message.
     *
     * @param callable(Connection): void $callback
     */
    public function onDrain(callable $callback): static {}

    /**
     * Called for each HTTP request that does not ask for a WebSocket; its result is the answer.
     *
     * A string is 200 with `text/plain; charset=utf-8`, null is 404. An exception, or any other result, answers 500 and
     * goes to {@see Server::onError()} without a connection. Without this callback such clients get 426. The options
     * `health` and `metrics` come first; origins are not checked.
     *
     * The callback gets the whole request: bodies are at most {@see Limits::$maxRequestBody}. The client is answered
     * 503 after ten seconds, and a response larger than {@see Limits::$sendBuffer} becomes 500. Each connection carries
     * one request and is closed after the answer.
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
     * Called after the topic's subscribers were notified and, if a connecting client causes it, after `onOpen`. For one
     * user and topic, joins and leaves alternate.
     *
     * @param callable(string, string): void $callback Topic and user.
     */
    public function onJoin(callable $callback): static {}

    /**
     * Called when a user's last connection has left such a topic, for any reason: after `onClose` if the connection
     * closed, at the latest before `onStop`.
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
     * Called in a worker when a connection comes from another worker, after a reload or that worker's death, and before
     * its first event here. Its user, topics, tags, request and attributes are as they were; its `$data` is null.
     *
     * @param callable(Connection): void $callback
     *
     * @throws StateException In a forked child.
     */
    public function onAttach(callable $callback): static {}

    /**
     * Called in a worker when a connection goes to another worker, after its last event here. Attributes that the
     * callback sets are there in {@see self::onAttach()}. Not called if the worker dies.
     *
     * @param callable(Connection): void $callback
     *
     * @throws StateException In a forked child.
     */
    public function onDetach(callable $callback): static {}

    /**
     * Registers the five callbacks of an object at once; the same as the five `on…` calls.
     *
     * A method that is still {@see BaseHandler}'s empty one counts as not registered: it costs no call, and an
     * exception still reaches PHP's warning log.
     */
    public function handler(Handler $handler): static {}

    /**
     * Binds, serves, and returns after {@see Server::stop()} or a signal.
     *
     * SIGTERM, SIGINT and SIGQUIT stop the server as `stop()` does; a second one stops it at once. If the script has
     * set a handler of its own (pcntl), that one is called instead, also without `pcntl_async_signals()`; an exception
     * it throws leaves `run()`. The former dispositions are back when `run()` returns. May be called again afterwards,
     * and inside a Fiber.
     *
     * With `workers` the first process calls none of the script's code from here on, and ends when the server has
     * stopped; it starts the same script again as workers, in which `run()` calls the callbacks, once.
     *
     * Under systemd with `Type=notify` the server is ready when the callback of {@see Server::onStart()} has returned;
     * `WatchdogSec=` has to be twice the time of the longest callback. The same holds for {@see Server::start()}.
     *
     * @throws BindException An address cannot be bound; the message names the address and the reason.
     * @throws StateException The server runs already, this is a forked child, or the SAPI is not CLI.
     */
    public function run(): void {}

    /**
     * Binds and begins to serve, for scripts that own the loop; callbacks run inside {@see Server::poll()}.
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
     * @throws BindException An address cannot be bound; the message names the address and the reason.
     * @throws StateException The server runs already, this is a forked child, or the SAPI is not CLI.
     */
    public function start(): void {}

    /**
     * Runs the callbacks that are due: a bounded batch, so that a flood cannot keep it for ever.
     *
     * May be called from another Fiber while a callback is suspended in its own: other connections go on, and the
     * suspended callback's connection waits for it. May not be called inside a callback: further callbacks would run
     * inside it, as deep as clients like. A callback that has to wait does so in a Fiber, or just returns.
     *
     * @param float $timeout Seconds to wait for the first one; 0.0 = do not wait.
     *
     * @return int Number of callbacks that ran.
     *
     * @throws StateException Not started, inside `run()`, inside a callback, in a forked child, or sixteen loops deep:
     *     callbacks can run loops of other servers, and their own in another Fiber.
     * @throws \ValueError The timeout is negative or not a number.
     */
    public function poll(float $timeout = 0.0): int {}

    /**
     * A stream that is readable whenever {@see Server::poll()} has something to do, due timers included.
     *
     * For `stream_select()`, ReactPHP's `addReadStream()`, Revolt's `onReadable()`. Only wait on it: there is nothing
     * to read. The same stream in every call of one run, unless the script closes it: then another one.
     *
     * @return resource
     *
     * @throws StateException Not started, in a forked child, or without a free descriptor.
     */
    public function stream() {}

    /**
     * Ends the run: no new clients are accepted, outboxes are drained, the close frames (1001) to all clients are
     * spread over time, the close callbacks and `onStop` run, the threads are joined.
     *
     * In a callback it returns at once and the surrounding `run()` or `poll()` does the work. Elsewhere it does the
     * work itself and returns when all is done. Without effect when the server does not run.
     *
     * @param float $grace Seconds until the remaining clients are cut off; 0.0 = at once.
     *
     * @throws StateException In a forked child, or sixteen loops of other servers deep; the stop is ordered all the
     *     same.
     * @throws \ValueError The grace is negative or not a number.
     */
    public function stop(float $grace = 10.0): void {}

    /**
     * The bound addresses, in the order of `listen`, with real ports; empty when the server does not run.
     *
     * @return list<string> In the notation of `listen`, without the part from `?` on; those that speak TLS begin with
     *     `wss://`. Then the URL of the metrics, if they have an address of their own, and those of `control`, without
     *     key and secret.
     */
    public function addresses(): array {}

    /**
     * Reads the certificate files again, for clients that connect from now on. Open connections keep their
     * certificates.
     *
     * The server notices changed files by itself, within ten seconds.
     *
     * @throws ConfigurationException A file cannot be used; the certificates before stay in use.
     * @throws StateException The server does not run, or has no `tls`.
     */
    public function reloadTls(): void {}

    /**
     * The worker that this process is; null if the server runs in the script's own process, or does not run.
     *
     * @throws StateException In a forked child.
     */
    public function worker(): ?Worker {}

    /**
     * Starts a new generation of workers from the script as it is now. When all of it is ready, new events go to it,
     * and the old workers finish theirs and end. No connection is closed. If the new generation does not get ready, the
     * old one goes on, and the log says why. Returns at once.
     *
     * SIGHUP and SIGUSR1 to the first process do the same; they read the certificates again too.
     *
     * @throws StateException If the server does not run, or has no workers; in a forked child.
     */
    public function reload(): void {}

    /**
     * Number of the attempt to handle the event whose callback runs: 1, or 2 if a worker died that had begun it. What
     * that worker's callback had sent before has left.
     *
     * @throws StateException In a forked child.
     */
    public function attempt(): int {}

    /**
     * Sends to one connection by its id.
     *
     * @param int $connection {@see Connection::$id}; an unknown id is one of a client that has gone.
     * @param string $data The message.
     * @param bool $binary false = a text message, `$data` has to be valid UTF-8; true = a binary message of any bytes.
     * @param bool|null $compress Whether to compress the message for clients that support it; null = compress a text of
     *     at least {@see Compression::$threshold} bytes. No effect without {@see Compression}.
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
     * @param string $data The message.
     * @param bool $binary false = a text message, `$data` has to be valid UTF-8; true = a binary message of any bytes.
     * @param Connection|list<Connection|int>|null $except Connections that do not receive the message, as objects or
     *     ids.
     * @param bool|null $compress Whether to compress the message for clients that support it; null = compress a text of
     *     at least {@see Compression::$threshold} bytes. No effect without {@see Compression}.
     *
     * @return int Number of connections that the message was addressed to.
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
     * @param string $data The message.
     * @param bool $binary false = a text message, `$data` has to be valid UTF-8; true = a binary message of any bytes.
     * @param Connection|list<Connection|int>|null $except Connections that do not receive the message, as objects or
     *     ids.
     * @param bool|null $compress Whether to compress the message for clients that support it; null = compress a text of
     *     at least {@see Compression::$threshold} bytes. No effect without {@see Compression}.
     *
     * @return int Number of connections that the message was addressed to.
     *
     * @throws \ValueError The topic's name is invalid, a text message is not valid UTF-8, or the message is larger than
     *     {@see Limits::$totalSendBuffer} allows; nothing is sent.
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
     * The users in a topic, each once on any number of connections; see docs/presence.md.
     *
     * Connections without a user are not listed. A user that left an announced topic and may come back within the grace
     * is listed. In a callback the list agrees with the notifications to subscribers: those of earlier changes have
     * been sent before, and those of later changes are sent after any message that the callback makes of this list.
     *
     * @return list<string> In the order of their bytes; empty when the server does not run.
     *
     * @throws \ValueError The topic's name is invalid.
     * @throws StateException In a forked child.
     */
    public function presence(string $topic): array {}

    /**
     * Notifies the subscribers of these topics of users that join and leave, and replaces earlier announcements; see
     * docs/presence.md.
     *
     * Subscribers get the texts `{"event":"join","topic":"room","user":"ann"}` and `{"event":"leave",…}`, between
     * callbacks and without PHP: a join for the first connection of a user, a leave after the last.
     * {@see Server::onJoin()} and {@see Server::onLeave()} are called for the same changes. Holds for later runs too.
     * Changes that one user, or all together, cause faster than the pace of notifications (docs/presence.md, "The
     * pace") are notified later, or never if they are undone.
     *
     * @param string|list<string> $topics Names of topics; `room.*` = all that begin with `room.`; a `*` that is not the
     *     last character stands for itself. `[]` = none.
     * @param float $grace Seconds within which a user may come back without a leave and a join; 0.0 = a leave is
     *     notified at once.
     * @param bool $toClients false = only the callbacks are called.
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
     * All connections; the selectors of the audience (topic, user, tags) narrow them.
     *
     * ```php
     * $server->to()->topic('lobby')->tags(Tag::parse('lang=FR & !muted'))->send('Bonjour');
     * ```
     *
     * @throws StateException In a forked child.
     */
    public function to(): Audience {}

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
     * Number of open connections.
     *
     * @throws StateException In a forked child.
     */
    public function count(): int {}

    /**
     * Calls back once, between other callbacks, not before the time has passed.
     *
     * Timers run while the server runs, by due time, then in the order of their creation; those left at the end of a
     * run are discarded. An exception goes to {@see Server::onError()} without a connection.
     *
     * @param float $seconds From now; 0.0 = in the next batch of callbacks.
     * @param callable(): void $callback
     *
     * @throws \ValueError The time is negative or not finite.
     * @throws StateException In a forked child.
     */
    public function after(float $seconds, callable $callback): Timer {}

    /**
     * Calls back again and again until {@see Timer::cancel()}; calls missed while PHP was busy are not made up. With
     * workers, only one of them does at any time: the leader ({@see Worker::$leader}).
     *
     * @param float $seconds Between two calls, and before the first; greater than 0.
     * @param callable(): void $callback
     * @param bool $everywhere true = in every worker.
     *
     * @throws \ValueError The time is not greater than 0 or not finite.
     * @throws StateException In a forked child.
     */
    public function every(float $seconds, callable $callback, bool $everywhere = false): Timer {}

    /**
     * Counters and gauges, by the names of the Prometheus endpoint (`ferrite_…`).
     *
     * @return array<string, int>
     *
     * @throws StateException In a forked child.
     */
    public function stats(): array {}
}
