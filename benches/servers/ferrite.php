<?php

declare(strict_types=1);

// Ferrite as an application uses it, for benches/load:
//
//   php -d extension=target/release/libferrite.so benches/servers/ferrite.php [PORT [IO_THREADS]]
//
// What comes on /echo goes back, what comes on /publish goes to everybody on /subscribe. The first line printed
// is the address; port 0, the default, takes a free one.

use Ferrite\Connection;
use Ferrite\Limits;
use Ferrite\Server;

$server = new Server(
    '127.0.0.1:' . (int) ($argv[1] ?? 0),
    limits: new Limits(maxMessageSize: 16 * 1024 * 1024, maxConnections: 20_000),
    ioThreads: (int) ($argv[2] ?? 1),
);

$server->onOpen(function (Connection $client): void {
    $client->data = $client->request->path === '/publish';
    if ($client->request->path === '/subscribe') {
        $client->subscribe('news');
    }
});

$server->onMessage(function (Connection $from, string $data, bool $binary) use ($server): void {
    if ($from->data) {
        $server->publish('news', $data, $binary);
    } else {
        $from->send($data, $binary);
    }
});

// Registered because applications have one.
$server->onClose(function (Connection $client, int $code): void {
});

$server->onStart(function (Server $server): void {
    echo str_replace('ws://', '', $server->addresses()[0]), "\n";
});

$server->run();
