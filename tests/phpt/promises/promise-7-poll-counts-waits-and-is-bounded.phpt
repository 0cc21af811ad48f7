--TEST--
Promise 7: poll() returns how many callbacks ran, waits as long as it was told, and a flood cannot keep it
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

$server = server(ioThreads: 1);
echo thrownClass(fn () => $server->poll()), ' ', thrownClass(fn () => $server->stream()), "\n";
$server->start();
echo thrownClass(fn () => $server->poll(-1.0)), ' ', thrownClass(fn () => $server->poll(NAN)), "\n";
$start = hrtime(true);
var_dump($server->poll(), $server->poll(0.0));
var_dump(hrtime(true) - $start < 5e8);
$start = hrtime(true);
var_dump($server->poll(0.05), hrtime(true) - $start >= 45e6);

// Without a callback for it, an event is no callback.
$client = Client::connect($server->addresses()[0]);
$client->send('nobody listens');
do {
    $ran = $server->poll(0.02);
} while ($ran === 0 && $server->stats()['ferrite_messages_received_total'] === 0);
// Counted on a native thread, it may still be on its way.
var_dump($ran + $server->poll(patience(0.05)));

$got = 0;
$server->onMessage(function () use (&$got): void {
    ++$got;
});
$client->send('one', 'two', 'three');
for ($sum = 0; $sum < 3;) {
    $sum += $server->poll(1.0);
}
var_dump($sum, $got);

// Each callback makes the next one due, yet poll() comes back.
$again = function () use (&$again, &$got, $server): void {
    ++$got;
    $server->after(0.0, $again);
};
$server->after(0.0, $again);
for ($i = 0; $i < 100; ++$i) {
    $server->poll();
}
var_dump($got > 3);
$server->stop(0.0);
echo thrownClass(fn () => $server->poll()), "\n";
?>
--EXPECT--
Ferrite\StateException Ferrite\StateException
ValueError ValueError
int(0)
int(0)
bool(true)
int(0)
bool(true)
int(0)
int(3)
int(3)
bool(true)
Ferrite\StateException
