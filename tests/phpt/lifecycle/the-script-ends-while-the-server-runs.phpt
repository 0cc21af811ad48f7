--TEST--
A script that ends without stop() ends: the exit code is its own, the client is let go
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

foreach ([0, 3] as $code) {
    $child = Child::fork(function (callable $report) use ($code): void {
        // Kept in a cycle, so that only the end of the process takes it away.
        $server = server();
        $server->onClose(fn () => $server->count());
        $server->start();
        $report($server->addresses()[0]);
        until(fn (): bool => $server->count() === 1, $server);
        exit($code);
    });
    $client = Client::connect($child->line());
    $closed = $client->closed();
    echo $closed === 'vanished' || preg_match('/^10\d\d/', $closed) === 1 ? 'let go' : $closed, ', ', $child->end(), "\n";
}
?>
--EXPECT--
let go, exit 0
let go, exit 3
