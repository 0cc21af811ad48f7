--TEST--
Promise 8: what the server made outlives it harmlessly
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$kept = [];
$server = server();
$server->onHandshake(function (Handshake $handshake) use (&$kept): void {
    if ($handshake->request->path === '/deferred') {
        $handshake->defer();
    }
    $kept[$handshake->request->path] = $handshake;
});
$server->onOpen(function (Connection $connection) use (&$kept): void {
    $kept['connection'] = $connection->subscribe('topic');
    $connection->data = 'my data';
});
$server->start();
$timer = $server->every(1.0, fn () => null);
$client = Client::connect($server, '/kept?a=1', ['X-Kept' => 'yes']);
$waiting = Client::begin($server, '/deferred');
waitFor($kept, 3, $server);
$stream = $server->stream();

$check = function () use ($kept, $timer): void {
    $connection = $kept['connection'];
    echo $connection->send('x')->name, ' ', json_encode($connection->isOpen()), ' ', json_encode($connection->topics()), "\n";
    $connection->close();
    $connection->pause();
    $connection->subscribe('other')->unsubscribe('topic');
    echo $connection->data, ' ', $connection->request->header('x-kept'), ' ', $connection->request->query()['a'], "\n";
    echo thrownClass(fn () => $kept['/deferred']->accept()), "\n";
    $timer->cancel();
};
$server->stop(0.0);
$check();
unset($server, $client, $waiting);
gc_collect_cycles();
$check();
?>
--EXPECT--
Closed false []
my data yes 1
nothing thrown
Closed false []
my data yes 1
Ferrite\StateException
