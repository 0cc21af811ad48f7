--TEST--
Promise 2: sends and publishes reach each connection in the order they were made
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

foreach ([1, 3] as $threads) {
    $server = server(ioThreads: $threads);
    $open = 0;
    $server->onOpen(function (Connection $connection) use (&$open): void {
        $connection->subscribe('everybody');
        ++$open;
    });
    $server->onMessage(function (Connection $connection) use ($server): void {
        for ($i = 0; $i < 400; $i += 4) {
            $connection->send((string) $i);
            $server->publish('everybody', (string) ($i + 1));
            $server->send($connection->id, (string) ($i + 2));
            $server->broadcast((string) ($i + 3));
        }
    });
    $server->start();
    $asking = Client::connect($server);
    $listening = Client::connect($server);
    waitFor($open, 2, $server);
    $asking->send('go');
    var_dump($asking->texts(400) === array_map(strval(...), range(0, 399)));
    $shared = array_filter(range(0, 399), fn (int $i): bool => $i % 2 === 1);
    var_dump($listening->texts(200) === array_values(array_map(strval(...), $shared)));
    $server->stop(0.0);
}
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
