--TEST--
Promise 5: exit() in a callback: clients get a close frame, shutdown functions run, the exit code is kept
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Server};

require __DIR__ . '/../support.inc';

foreach (['handshake', 'open', 'message', 'close', 'timer', 'start-stop'] as $where) {
    [$child, $address] = Child::serve(function (Server $server, callable $report) use ($where): void {
        register_shutdown_function(fn () => $report('shutdown function'));
        $leave = fn () => exit(7);
        match ($where) {
            'handshake' => $server->onHandshake(fn (Handshake $handshake) => $handshake->request->path === '/leave' && $leave()),
            'open' => $server->onOpen(fn (Connection $connection) => $connection->request->path === '/leave' && $leave()),
            'message' => $server->onMessage($leave),
            'close' => $server->onClose($leave),
            'timer' => $server->onMessage(fn () => $server->after(0.0, $leave)),
            'start-stop' => $server->onMessage(fn () => $server->stop(0.0))->onStop($leave),
        };
    });
    $idle = Client::connect($address, '/idle');
    try {
        $leaving = Client::connect($address, '/leave');
        $where === 'close' ? $leaving->close() : $leaving->send('leave');
    } catch (\RuntimeException) {
        // It may end within the handshake.
    }
    $closed = $idle->closed();
    echo $where, ': ', preg_match('/^10\d\d/', $closed) === 1 ? 'closed' : $closed;
    echo ', ', $child->line(), ', ', $child->end(), "\n";
}
?>
--EXPECT--
handshake: closed, shutdown function, exit 7
open: closed, shutdown function, exit 7
message: closed, shutdown function, exit 7
close: closed, shutdown function, exit 7
timer: closed, shutdown function, exit 7
start-stop: closed, shutdown function, exit 7
