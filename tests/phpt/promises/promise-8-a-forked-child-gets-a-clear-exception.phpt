--TEST--
Promise 8: a forked child that touches a running server gets a StateException, the parent goes on
--EXTENSIONS--
ferrite
pcntl
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a fork loses what its missing threads owned');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$open = null;
$server = server();
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection;
});
$server->onMessage(fn (Connection $connection, string $data) => $connection->send($data));
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);

$child = Child::fork(function (callable $report) use ($server, $open): void {
    $calls = [
        fn () => $server->run(),
        fn () => $server->start(),
        fn () => $server->poll(),
        fn () => $server->stream(),
        fn () => $server->stop(),
        fn () => $server->send($open->id, 'x'),
        fn () => $server->broadcast('x'),
        fn () => $server->publish('topic', 'x'),
        fn () => $server->connection($open->id),
        fn () => $server->connections(),
        fn () => $server->count(),
        fn () => $server->after(1.0, fn () => null),
        fn () => $server->stats(),
        fn () => $open->send('x'),
        fn () => $open->close(),
        fn () => $open->subscribe('topic'),
        fn () => $open->pause(),
        fn () => $open['a'],
        fn () => isset($open['a']),
        fn () => $open['a'] = 1,
        function () use ($open): void {
            unset($open['a']);
        },
    ];
    foreach ($calls as $i => $call) {
        $thrown = thrownClass($call);
        if ($thrown !== 'Ferrite\StateException') {
            $report("call $i: $thrown");
        }
    }
    $report(thrown($calls[13]));
    // A server of its own is the child's right.
    $own = server();
    $own->start();
    $report($own->count() === 0 ? 'its own server runs' : 'no');
    $own->stop(0.0);
    $report('done');
});
do {
    echo $line = $child->line(), "\n";
} while ($line !== 'done');
echo $child->end(), "\n";
$client->send('the parent goes on');
echo $client->text(), "\n";
$server->stop(0.0);
?>
--EXPECTF--
Ferrite\StateException: %Aprocess%A
its own server runs
done
exit 0
the parent goes on
