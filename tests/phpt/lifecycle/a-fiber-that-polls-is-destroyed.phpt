--TEST--
A Fiber that is destroyed while it polls takes nothing with it; one that runs, starts or stops a server ends that
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$server = server();
$suspend = false;
$closed = [];
$server->onHandshake(function (Handshake $handshake) use (&$suspend): void {
    if ($suspend && $handshake->request->path === '/suspend') {
        \Fiber::suspend();
    }
});
$server->onMessage(function (Connection $connection, string $text) use (&$suspend): void {
    if ($text === 'suspend') {
        \Fiber::suspend();
    }
    $connection->send("heard $text");
});
$server->onClose(function (Connection $connection, int $code) use (&$closed): void {
    $closed[] = $code;
});
$server->onStop(fn () => print("onStop\n"));
$server->onError(fn (\Throwable $error) => print($error->getMessage() . "\n"));

// While it polls.
$server->start();
$ann = Client::connect($server);
$bob = Client::connect($server);
$ann->send('suspend', 'next');
$fiber = new \Fiber(function () use ($server): void {
    for (;;) {
        $server->poll(0.01);
    }
});
$fiber->start();
var_dump($fiber->isSuspended());
$bob->send('meanwhile');
echo $bob->text(), "\n";
unset($fiber);
gc_collect_cycles();
echo $ann->text(), "\n";
$bob->send('afterwards');
echo $bob->text(), "\n";

// While a handshake is decided: that one is refused.
$suspend = true;
$client = Client::begin($server->addresses()[0], '/suspend');
$fiber = new \Fiber(function () use ($server): void {
    for (;;) {
        $server->poll(0.01);
    }
});
$fiber->start();
var_dump($fiber->isSuspended());
unset($fiber);
gc_collect_cycles();
$answer = null;
$waiting = new \Fiber(fn () => $client->answer());
$waiting->start();
until(function () use ($waiting): bool {
    $waiting->isTerminated() || $waiting->resume();

    return $waiting->isTerminated();
}, $server);
echo $client->status, "\n";
$server->stop(0.0);
echo count($closed), " closed\n";

// While it runs.
$fiber = new \Fiber(function () use ($server): void {
    $server->after(0, function (): void {
        \Fiber::suspend();
    });
    $server->run();
});
$fiber->start();
var_dump($fiber->isSuspended(), count($server->addresses()));
unset($fiber);
gc_collect_cycles();
var_dump($server->addresses());

// While it starts.
$fiber = new \Fiber(fn () => $server->onStart(fn () => \Fiber::suspend())->start());
$fiber->start();
var_dump($fiber->isSuspended(), count($server->addresses()));
unset($fiber);
gc_collect_cycles();
var_dump($server->addresses());

// While it stops.
$server->onStart(fn () => null)->onStop(fn () => \Fiber::suspend());
$fiber = new \Fiber(fn () => $server->stop());
$server->start();
$fiber->start();
var_dump($fiber->isSuspended(), count($server->addresses()));
unset($fiber);
gc_collect_cycles();
var_dump($server->addresses());
$server->onStop(fn () => print("onStop\n"))->start();
$server->stop();
?>
--EXPECT--
bool(true)
heard meanwhile
heard next
heard afterwards
bool(true)
500
onStop
2 closed
bool(true)
int(1)
array(0) {
}
bool(true)
int(1)
array(0) {
}
bool(true)
int(1)
array(0) {
}
onStop
