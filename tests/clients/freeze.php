<?php

declare(strict_types=1);

// The server of test_freeze.py: php … freeze.php IO_THREADS run|poll. An echo server with short times; a message that is
// a number is answered with as many bytes.

use Ferrite\Connection;
use Ferrite\Heartbeat;
use Ferrite\Limits;
use Ferrite\Server;

[, $threads, $loop] = $argv;
$server = new Server(
    '127.0.0.1:0',
    ioThreads: (int) $threads,
    limits: new Limits(
        handshakeTimeout: 5.0,
        sendTimeout: 5.0,
        messageRate: 5.0,
        maxRequestBody: 4 << 20,
    ),
    heartbeat: new Heartbeat(interval: 2.0, timeout: 5.0),
    control: getenv('CONTROL') ?: null,
);
$server->onRequest(fn (Ferrite\Request $request): Ferrite\Response => new Ferrite\Response(
    (string) strlen($request->body()),
));
$server->onMessage(function (Connection $from, string $data): void {
    $from->send(is_numeric($data) ? str_repeat('x', (int) $data) : $data);
});
$server->onClose(function (Connection $connection, int $code, string $reason): void {
    echo "closed $code $reason\n";
});

if ($loop === 'run') {
    $server->run();
} else {
    $server->start();
    for (;;) {
        $server->poll(10.0);
    }
}
