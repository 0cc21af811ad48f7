--TEST--
Each Fiber may poll, those that are suspended without end, those inside one another sixteen deep; so may other servers
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

// Each message is handled in a poll() of its own, in a Fiber of its own, inside the handler of the message before.
$server = server();
$deepest = $depth = 0;
$thrown = [];
$server->onOpen(function (Connection $connection) use ($server, &$depth, &$deepest, &$thrown): void {
    $deepest = max($deepest, ++$depth);
    (new \Fiber(function () use ($server, &$thrown): void {
        $error = thrown(fn () => $server->poll(0.2));
        $thrown[$error] = true;
    }))->start();
    $depth--;
});
$server->start();
$sockets = [];
for ($i = 0; $i < 60; $i++) {
    $sockets[] = Client::begin($server);
}
until(fn (): bool => $server->count() === 60, $server);
// Somebody may have opened on the last level, where nobody polls any more: one more than the loops.
echo $deepest <= 16 && $deepest > 4 ? "nested so deep only\n" : "$deepest deep\n";
unset($thrown['nothing thrown']);
echo implode("\n", array_keys($thrown)), "\n";

// Handlers that are suspended are not nested in one another, however many wait.
$server->onOpen(function (): void {});
$waiting = [];
$server->onMessage(function () use (&$waiting): void {
    $waiting[] = \Fiber::getCurrent();
    \Fiber::suspend();
});
for ($i = 0; $i < 40; $i++) {
    $sockets[$i]->answer()->send('wait');
}
until(function () use ($server, &$waiting): bool {
    (new \Fiber(fn () => $server->poll(0.01)))->start();

    return count($waiting) === 40;
});
echo count($waiting), " wait\n";
foreach ($waiting as $fiber) {
    $fiber->resume();
}
$server->stop(0.0);

// A stop in such a Fiber is one of the loops, and is ordered all the same where it would be one too many.
$server = server();
$server->start();
$closed = 0;
$server->onClose(function () use ($server, &$closed): void {
    $closed++;
    (new \Fiber(fn () => $server->stop(0.0)))->start();
});
$sockets = [];
for ($i = 0; $i < 40; $i++) {
    $sockets[] = Client::begin($server);
}
until(fn (): bool => $server->count() === 40, $server);
(new \Fiber(fn () => $server->stop(0.0)))->start();
echo "$closed closed\n";

// Servers in servers' callbacks.
$serve = function (int $depth) use (&$serve): void {
    $server = server();
    $server->onStart(function () use ($depth, &$serve, $server): void {
        $server->stop(0.0);
        $serve($depth + 1);
    });
    $server->onError(fn (\Throwable $error) => throw $error);
    $error = thrown(fn () => $server->run());
    if ($error !== 'nothing thrown') {
        echo "at $depth, $error\n";
    }
};
$serve(0);

// A rule that subscribes to what it is asked about.
$server = server();
$server->onSubscribe('{room}', function (Connection $connection, string $topic): bool {
    return $connection->subscribe($topic) !== null;
});
$server->onOpen(function (Connection $connection): void {
    echo thrown(fn () => $connection->subscribe('lobby')), "\n";
    $connection->close();
});
$server->start();
Client::connect($server)->closed();
$server->stop(0.0);
?>
--EXPECT--
nested so deep only
Ferrite\StateException: The loops of servers are nested too deep: callbacks run loops whose callbacks run loops
40 wait
40 closed
at 16, Ferrite\StateException: The loops of servers are nested too deep: callbacks run loops whose callbacks run loops
Ferrite\StateException: The rules of onSubscribe are nested too deep: one subscribes to what it is asked about
