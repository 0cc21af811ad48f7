--TEST--
Promise 1: the messages of each of many clients come in the order it sent them, on one thread and on three
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

foreach ([1, 3] as $threads) {
    $got = [];
    $server = server(ioThreads: $threads);
    $server->onMessage(function (Connection $connection, string $data) use (&$got): void {
        $got[$connection->id][] = (int) $data;
    });
    $server->start();
    $clients = [];
    for ($i = 0; $i < 6; ++$i) {
        $clients[] = Client::connect($server);
    }
    foreach (array_chunk(range(0, 599), 50) as $numbers) {
        foreach ($clients as $client) {
            $client->send(...array_map(strval(...), $numbers));
        }
    }
    until(function () use (&$got): bool {
        return array_sum(array_map(count(...), $got)) >= 3600;
    }, $server);
    $server->stop(0.0);
    var_dump(count($got), array_unique($got, SORT_REGULAR) === [array_key_first($got) => range(0, 599)]);
}
?>
--EXPECT--
int(6)
bool(true)
int(6)
bool(true)
