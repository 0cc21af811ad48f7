--TEST--
A callback that is resumed after its run is over changes nothing in the next one, wherever it was suspended
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Request, Server};

require __DIR__ . '/../support.inc';

/** A server that suspends the Fiber of the callback of that name, once. */
function suspending(string $where, \ArrayObject $log): Server
{
    $suspend = function (string $callback) use ($where, $log): void {
        static $done = false;
        if ($callback === $where && !$done) {
            $done = true;
            \Fiber::suspend();
            $log[] = "$callback goes on";
        }
    };
    $server = server();
    $server->onStart(fn () => $suspend('onStart'));
    $server->onStop(function () use ($log, $suspend): void {
        $log[] = 'onStop';
        $suspend('onStop');
    });
    $server->onHandshake(function (Handshake $handshake) use ($suspend): void {
        $suspend('onHandshake');
        $handshake->accept('ann', ['lobby']);
    });
    $server->onOpen(fn () => $suspend('onOpen'));
    $server->onMessage(function (Connection $connection, string $text) use ($suspend): void {
        $suspend('onMessage');
        $connection->send("heard $text");
    });
    $server->onClose(function (Connection $connection) use ($log, $suspend): void {
        $log[] = 'onClose';
        $suspend('onClose');
    });
    $server->onRequest(function (Request $request) use ($suspend): string {
        $suspend('onRequest');

        return 'answered';
    });
    $server->onJoin(fn () => $suspend('onJoin'));
    $server->announcePresence('lobby', toClients: false);
    $server->onError(fn (\Throwable $error) => $log[] = $error->getMessage());
    $server->after(0, fn () => $suspend('a timer'));

    return $server;
}

/** What brings the server to the callback. */
function provoke(string $where, string $address): ?Client
{
    return match ($where) {
        'onStart', 'onStop', 'a timer' => null,
        'onRequest' => Client::begin($address, '/', ['Upgrade' => [], 'Sec-WebSocket-Key' => [], 'Sec-WebSocket-Version' => []]),
        default => Client::begin($address),
    };
}

function check(string $where, string $how): void
{
    $log = new \ArrayObject();
    $server = suspending($where, $log);
    $client = null;
    $goesOn = fn (): bool => in_array("$where goes on", $log->getArrayCopy(), true);
    $old = new \Fiber(function () use ($server, $how, $where, $goesOn, &$client): void {
        if ($how === 'run') {
            $server->after(0, function () use ($server, $where, &$client): void {
                $client = provoke($where, $server->addresses()[0]);
            });
            $server->run();

            return;
        }
        $server->start();
        $client = provoke($where, $server->addresses()[0]);
        $deadline = deadline(10);
        while (!$goesOn() && hrtime(true) < $deadline) {
            $server->poll(0.002);
            // The handshake is answered by the network: now there is something to say.
            if ($client !== null && $where === 'onMessage' && !$goesOn()) {
                $client->send('hello');
            } elseif ($client !== null && $where === 'onClose' && $server->count() > 0) {
                $client->vanish();
                $client = null;
            } elseif ($where === 'onStop') {
                $server->stop(0.0);
                break;
            }
        }
    });
    if ($how === 'run' && in_array($where, ['onMessage', 'onClose', 'onStop'], true)) {
        $server->every(0.002, function () use ($server, $where, &$client): void {
            if ($where === 'onStop') {
                $server->stop(0.0);
            } elseif ($client !== null && $server->count() > 0) {
                $where === 'onMessage' ? $client->send('hello') : $client->vanish();
                $client = null;
            }
        });
    }
    $old->start();
    $suspended = $old->isSuspended();
    // Its run ends without it.
    $server->stop(0.0);
    if ($where === 'onStop') {
        // The end itself is suspended: it is nobody else's.
        $old->resume();
        $suspended = $suspended && $old->isTerminated();
    }
    $before = count($log);
    $server->start();
    $ticks = 0;
    $server->every(0.001, function () use (&$ticks): void {
        ++$ticks;
    });
    if (!$old->isTerminated()) {
        $old->resume();
    }
    $between = array_slice($log->getArrayCopy(), $before);
    waitFor($ticks, 3, $server);
    $next = Client::connect($server);
    $next->send('again');
    echo "$where in $how(): ", $suspended && $old->isTerminated() ? '' : 'was not suspended, ',
        implode(', ', $between), '; ', $next->text();
    $server->stop(0.0);
    echo '; onStop ', count(array_keys($log->getArrayCopy(), 'onStop', true)), " times\n";
}

foreach (['onStart', 'onHandshake', 'onOpen', 'onJoin', 'onMessage', 'onClose', 'onRequest', 'a timer', 'onStop'] as $where) {
    foreach (['poll', 'run'] as $how) {
        check($where, $how);
    }
}
?>
--EXPECT--
onStart in poll(): onStart goes on; heard again; onStop 2 times
onStart in run(): onStart goes on; heard again; onStop 2 times
onHandshake in poll(): onHandshake goes on; heard again; onStop 2 times
onHandshake in run(): onHandshake goes on; heard again; onStop 2 times
onOpen in poll(): onOpen goes on; heard again; onStop 2 times
onOpen in run(): onOpen goes on; heard again; onStop 2 times
onJoin in poll(): onJoin goes on; heard again; onStop 2 times
onJoin in run(): onJoin goes on; heard again; onStop 2 times
onMessage in poll(): onMessage goes on; heard again; onStop 2 times
onMessage in run(): onMessage goes on; heard again; onStop 2 times
onClose in poll(): onClose goes on; heard again; onStop 2 times
onClose in run(): onClose goes on; heard again; onStop 2 times
onRequest in poll(): onRequest goes on; heard again; onStop 2 times
onRequest in run(): onRequest goes on; heard again; onStop 2 times
a timer in poll(): a timer goes on; heard again; onStop 2 times
a timer in run(): a timer goes on; heard again; onStop 2 times
onStop in poll(): ; heard again; onStop 2 times
onStop in run(): ; heard again; onStop 2 times
