--TEST--
A callback may drop the last variable that holds the server, and replace itself
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server();
$server->onMessage(function (Connection $connection, string $data) use (&$server): void {
    $server->onMessage(fn (Connection $connection, string $data) => $connection->send("replaced: $data"));
    gc_collect_cycles();
    $keep = $server;
    $server = null;
    gc_collect_cycles();
    $connection->send($data);
    $keep->after(0.0, function () use (&$server, $keep): void {
        $server = $keep;
    });
});
$server->start();
$running = \WeakReference::create($server);
$client = Client::connect($server);
$client->send('first', 'second');
echo implode(', ', $client->texts(2)), "\n";
$running->get()->stop(0.0);
?>
--EXPECT--
first, replaced: second
