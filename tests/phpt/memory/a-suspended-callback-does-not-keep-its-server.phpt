--TEST--
A Fiber that is suspended in a callback does not keep a server that nobody else has, nor does the server keep the Fiber
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

/** Suspends a Fiber in a callback and forgets everything. */
function forget(string $where, bool $runs): \WeakReference
{
    $server = server();
    $box = new \stdClass();
    $suspend = function (mixed ...$arguments) use ($box, $server): void {
        $box->arguments = $arguments;
        \Fiber::suspend();
    };
    match ($where) {
        'a timer' => $server->after(0, $suspend),
        'a periodic timer' => $server->every(0.001, $suspend),
        'onError' => $server->after(0, fn () => throw new \RuntimeException())
            && $server->onError($suspend),
        'a rule' => $server->onSubscribe('room', $suspend)
            ->onOpen(fn (Connection $connection) => $connection->subscribe('room')),
        default => $server->$where($suspend),
    };
    if ($where === 'onMessage') {
        $server->onOpen(function (Connection $connection) use ($box): void {
            $connection->data = $box;
        });
    }
    $box->fiber = new \Fiber(function () use ($server, $runs): void {
        if ($runs) {
            $server->run();
        }
        $server->start();
        while (true) {
            $server->poll(0.01);
        }
    });
    if ($runs) {
        $client = null;
        $box->timer = $server->every(0.001, function () use ($server, $where, &$client): void {
            $client ??= Client::begin($server->addresses()[0]);
            if ($where === 'onMessage') {
                $client->send('hello');
            }
        });
        $box->fiber->start();
    } else {
        // The Fiber is left in peace while the client connects: whatever is to be suspended is by then.
        $box->fiber->start();
    }

    return \WeakReference::create($server);
}

foreach (['a timer', 'a periodic timer', 'onError', 'onStart'] as $where) {
    foreach ([false, true] as $runs) {
        $seen = forget($where, $runs);
        gc_collect_cycles();
        gc_collect_cycles();
        echo $where, ' in ', $runs ? 'run()' : 'poll()', ': ', $seen->get() === null ? 'gone' : 'kept', "\n";
    }
}
foreach (['onOpen', 'onMessage', 'a rule'] as $where) {
    $seen = forget($where, true);
    gc_collect_cycles();
    gc_collect_cycles();
    echo $where, ': ', $seen->get() === null ? 'gone' : 'kept', "\n";
}
?>
--EXPECT--
a timer in poll(): gone
a timer in run(): gone
a periodic timer in poll(): gone
a periodic timer in run(): gone
onError in poll(): gone
onError in run(): gone
onStart in poll(): gone
onStart in run(): gone
onOpen: gone
onMessage: gone
a rule: gone
