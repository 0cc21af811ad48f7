<?php

declare(strict_types=1);

// The server of transports.py: sends a JSON text of 512 bytes to everybody as often as it is told to.
// Arguments: certificate and key, if it is to speak TLS.

use Ferrite\{Compression, Connection, Limits, Server, Tls};

$server = new Server(
    '127.0.0.1:0',
    tls: isset($argv[2]) ? new Tls($argv[1], $argv[2]) : null,
    limits: new Limits(maxConnections: 15_000),
    // For clients that offer nothing it does nothing.
    compression: new Compression(threshold: 256),
    ioThreads: 1,
);
$server->onMessage(function (Connection $from, string $data) use ($server): void {
    for ($n = 0; $n < (int) $data; $n++) {
        $people = array_map(fn (int $id): array => ['id' => $id, 'name' => "person $id", 'seen' => $n], range(1, 12));
        $server->broadcast(str_pad(substr(json_encode(['n' => $n, 'people' => $people]), 0, 511), 512, ' '));
    }
});
$server->onStart(fn (Server $s) => fwrite(STDOUT, $s->addresses()[0] . "\n"));
$server->run();
