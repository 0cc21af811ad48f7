<?php

declare(strict_types=1);

// The server that is attacked: an echo server whose options come as JSON in the variable ATTACK. The path a client
// connects to chooses what its messages do:
//
// /            echo                                  /throw    an exception in onMessage
// /flood       send `count` messages of `size`       /hoard    take every descriptor the process may have, or give them back
// /close       close with the code that it says      /stats    the figures of stats(), as JSON
// /busy        sleep for so many seconds, then echo
// /tagged      echo; the client has a tag whose value is only its own
// /topics      echo; the client has 256 topics
// /describe    who PHP thinks the client is, and its headers
//
// With the option `handshakes`, onHandshake is used: /throw-handshake throws there, /reject refuses with 403,
// /undecided never decides. With `presence`, /rooms is in 256 announced topics, as the user of its query. With `requests`, onRequest answers with the method and the length of the body.

use Ferrite\{Compression, Connection, Handshake, Heartbeat, Limits, Request, Response, Server, SlowConsumer, Tls};

$options = json_decode(getenv('ATTACK') ?: '{}', true, flags: JSON_THROW_ON_ERROR);
$limits = $options['limits'] ?? [];
if (isset($limits['slowConsumer'])) {
    $limits['slowConsumer'] = constant(SlowConsumer::class . '::' . $limits['slowConsumer']);
}
$server = new Server(
    $options['listen'] ?? '127.0.0.1:0',
    tls: isset($options['tls']) ? new Tls(...$options['tls']) : null,
    limits: new Limits(...$limits),
    heartbeat: new Heartbeat(...($options['heartbeat'] ?? [])),
    compression: isset($options['compression']) ? new Compression(...$options['compression']) : null,
    protocols: $options['protocols'] ?? [],
    trustedProxies: $options['trustedProxies'] ?? [],
    health: $options['health'] ?? null,
    control: $options['control'] ?? null,
);

if ($options['presence'] ?? false) {
    $server->announcePresence('room.*');
    $rooms = array_map(static fn (int $n): string => "room.$n", range(1, 256));
    $server->onHandshake(function (Handshake $handshake) use ($rooms): void {
        $name = $handshake->request->query()['user'] ?? null;
        $handshake->accept(user: $name, topics: $handshake->request->path === '/rooms' ? $rooms : []);
    });
}
if ($options['handshakes'] ?? false) {
    $server->onHandshake(function (Handshake $handshake): void {
        match ($handshake->request->path) {
            '/throw-handshake' => throw new RuntimeException('thrown in onHandshake'),
            '/reject' => $handshake->reject(403, 'no'),
            '/undecided' => $handshake->defer(),
            default => $handshake->accept(),
        };
    });
}
if ($options['requests'] ?? false) {
    $server->onRequest(fn (Request $request): Response => new Response(
        $request->method . ' ' . strlen($request->body()),
    ));
}

$server->onOpen(function (Connection $connection): void {
    if ($connection->request->path === '/tagged') {
        $connection->tag('number', $connection->id);
    }
    if ($connection->request->path === '/topics') {
        $connection->subscribe(...array_map(static fn (int $n): string => "topic.$n", range(1, 256)));
    }
    if ($connection->request->path === '/throw-open') {
        throw new RuntimeException('thrown in onOpen');
    }
});

$server->onMessage(function (Connection $from, string $data, bool $binary) use ($server): void {
    switch ($from->request->path) {
        case '/throw':
            throw new RuntimeException('thrown in onMessage');
        case '/busy':
            usleep((int) (1e6 * (float) $data));
            $from->send($data);
            break;
        case '/hoard':
            static $hoard = [];
            $hoard = [];
            while ($data === 'take' && ($file = @fopen('/dev/null', 'r')) !== false) {
                $hoard[] = $file;
            }
            $from->send((string) count($hoard));
            break;
        case '/close':
            $from->close((int) $data, 'as you wish');
            break;
        case '/flood':
            ['count' => $count, 'size' => $size] = json_decode($data, true, flags: JSON_THROW_ON_ERROR);
            $message = str_repeat('x', $size);
            while ($count-- > 0) {
                $from->send($message, true);
            }
            break;
        case '/stats':
            $from->send(json_encode($server->stats(), JSON_THROW_ON_ERROR));
            break;
        case '/describe':
            $from->send(json_encode([
                'address' => $from->remoteAddress,
                'secure' => $from->request->secure,
                'path' => $from->request->path,
                'headers' => array_map(
                    fn (array $values): array => array_map('bin2hex', $values),
                    $from->request->headers(),
                ),
            ], JSON_THROW_ON_ERROR));
            break;
        default:
            $from->send($data, $binary, compress: false);
    }
});

$server->onClose(function (Connection $connection, int $code): void {
    if ($connection->request->path === '/throw-close') {
        throw new RuntimeException('thrown in onClose');
    }
});

$server->onError(function (Throwable $error): void {
    // What the probes have thrown on purpose is no news.
    if (!str_starts_with($error->getMessage(), 'thrown in ')) {
        echo "unexpected: $error\n";
    }
});

$server->run();
