<?php

declare(strict_types=1);

// The server of the client tests: php … server.php ADDRESS…
//
// /            echo                              /reject?status=   refuse with that status
// /close?…     close with code= and reason=      /throw            an exception in the handshake
// /describe    answer with what PHP knows        /topic?name=      publish to that topic, but not to itself
// /as?…        be user=, in topics[]=, with tags[…]=
//
// /sleep?seconds= echo, after so long
// /certificate answer with the client's certificate
//
// Standard output gets a line for each close: "closed CODE REASON".
// The variable HEARTBEAT is the interval of pings in seconds; COMPRESSION, if it is set, the arguments of
// Compression as JSON; TLS a list of those of Tls; TRUSTED_PROXIES and CONTROL the options, as JSON;
// HEALTH the path of that option, and then there are /metrics too.

use Ferrite\Compression;
use Ferrite\Connection;
use Ferrite\Handshake;
use Ferrite\Heartbeat;
use Ferrite\Server;
use Ferrite\Tls;

$heartbeat = (float) (getenv('HEARTBEAT') ?: 25.0);
$compression = json_decode(getenv('COMPRESSION') ?: 'null', true, flags: JSON_THROW_ON_ERROR);
$certificates = json_decode(getenv('TLS') ?: '[]', true, flags: JSON_THROW_ON_ERROR);
$server = new Server(
    array_slice($argv, 1) ?: '127.0.0.1:0',
    tls: array_map(fn (array $files): Tls => new Tls(...$files), $certificates),
    heartbeat: new Heartbeat(interval: $heartbeat),
    compression: $compression === null ? null : new Compression(...$compression),
    protocols: ['chat.v2', 'chat.v1'],
    trustedProxies: json_decode(getenv('TRUSTED_PROXIES') ?: '[]', true, flags: JSON_THROW_ON_ERROR),
    control: json_decode(getenv('CONTROL') ?: 'null', true, flags: JSON_THROW_ON_ERROR),
    health: getenv('HEALTH') ?: null,
    metrics: getenv('HEALTH') ? '/metrics' : null,
);

$server->onHandshake(function (Handshake $handshake): void {
    $query = $handshake->request->query();
    switch ($handshake->request->path) {
        case '/reject':
            $handshake->reject((int) $query['status'], 'not today', ['X-Reason' => 'a test']);
            break;
        case '/throw':
            throw new RuntimeException('thrown in the handshake');
        case '/topic':
            $handshake->accept(topics: [$query['name']]);
            break;
        case '/as':
            $handshake->accept($query['user'] ?? null, $query['topics'] ?? [], $query['tags'] ?? []);
            break;
        case '/describe':
            $handshake->accept(user: $query['name'] ?? null, headers: ['X-Greeting' => 'hello']);
            break;
    }
});

$server->onMessage(function (Connection $from, string $data, bool $binary) use ($server): void {
    $query = $from->request->query();
    switch ($from->request->path) {
        case '/close':
            $from->close((int) $query['code'], $query['reason'] ?? '');
            break;
        case '/describe':
            $from->send(json_encode([
                'user' => $from->user,
                'protocol' => $from->protocol,
                'address' => $from->remoteAddress,
                'secure' => $from->request->secure,
                'query' => $query,
                'cookies' => $from->request->cookies(),
                'agent' => $from->request->header('user-agent'),
            ], JSON_THROW_ON_ERROR));
            break;
        case '/sleep':
            usleep((int) (1e6 * $query['seconds']));
            $from->send($data);
            break;
        case '/certificate':
            $from->send($from->request->clientCertificate ?? 'none');
            break;
        case '/topic':
            $server->publish($query['name'], $data, $binary, except: $from);
            break;
        default:
            $from->send($data, $binary);
    }
});

$server->onClose(function (Connection $connection, int $code, string $reason): void {
    echo "closed $code $reason\n";
});

$server->run();

// PHP leaves cycles to the end of the process; a leak checker would take this one for a leak.
unset($server);
gc_collect_cycles();
