--TEST--
Promise 1: onClose comes once, also if the run ends while it is suspended in its Fiber
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$closes = 0;
$server = server();
$server->onClose(function (Connection $connection, int $code) use (&$closes): void {
    $closes++;
    echo "close $closes with $code\n";
    \Fiber::suspend();
    echo "the callback returns\n";
});
$server->start();
$client = Client::connect($server);
$client->close(1000);
$fiber = new \Fiber(function () use ($server, &$closes): void {
    while ($closes === 0) {
        $server->poll(0.1);
    }
});
$fiber->start();
$server->stop(0.0);
$fiber->resume();
echo "closes: $closes\n";

// The same where the callbacks of two connections are suspended.
$closes = 0;
$server->start();
$clients = [Client::connect($server), Client::connect($server)];
$clients[0]->close(1000);
$clients[1]->close(1000);
$fibers = [];
while ($closes < 2) {
    $fibers[] = $fiber = new \Fiber(fn () => $server->poll(0.1));
    $fiber->start();
}
$server->stop(0.0);
?>
--EXPECT--
close 1 with 1000
the callback returns
closes: 1
close 1 with 1000
close 2 with 1000
