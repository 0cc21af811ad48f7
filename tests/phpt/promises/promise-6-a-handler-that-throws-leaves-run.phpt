--TEST--
Promise 6: an exception from a pcntl handler leaves run(), which has stopped in an orderly way
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

foreach ([true, false] as $async) {
    $child = Child::fork(function (callable $report) use ($async): void {
        $before = threads();
        pcntl_async_signals($async);
        pcntl_signal(SIGUSR1, function (): void {
            // In onStart, which may not have returned yet, it would be that callback's exception.
            $around = array_values(array_diff(array_column(debug_backtrace(), 'function'), ['pcntl_signal_dispatch']));
            if (($around[1] ?? '') === 'run') {
                throw new \DomainException('out of the handler');
            }
        });
        $server = server();
        $server->onStart(fn (Server $server) => $report($server->addresses()[0]));
        $report(thrown($server->run(...)));
        $report(threads() === $before ? 'no thread left' : 'a thread is left');
    });
    $client = Client::connect($child->line());
    until(function () use ($child, $client): bool {
        $child->signal(SIGUSR1);
        return $client->hasFrame();
    });
    $closed = $client->closed();
    echo preg_match('/^10\d\d/', $closed) === 1 ? 'closed' : $closed, "\n";
    echo $child->line(), ', ', $child->line(), ', ', $child->end(), "\n";
}
?>
--EXPECT--
closed
DomainException: out of the handler, no thread left, exit 0
closed
DomainException: out of the handler, no thread left, exit 0
