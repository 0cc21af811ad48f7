--TEST--
SlowConsumer::DropNewest: what waits is kept, the new is dropped, and onDrain comes when the client caught up
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits, SendResult, SlowConsumer};

require __DIR__ . '/../support.inc';

$open = null;
$drained = 0;
$server = server(limits: new Limits(sendBuffer: 262144, sendTimeout: 0.0, slowConsumer: SlowConsumer::DropNewest));
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection;
});
$server->onDrain(function (Connection $connection) use (&$open, &$drained): void {
    $connection === $open ? ++$drained : print("another connection\n");
});
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);

$sent = 0;
$results = sendUntil($server, $open, fn (SendResult $result): bool => $result === SendResult::Dropped, $sent);
echo implode(', ', $results), "\n";
var_dump($open->send('also dropped')->name === 'Dropped' || $open->bufferedAmount() <= 262144 + 65536);
var_dump($open->isOpen(), $open->bufferedAmount() > 0, $drained);

// All but the last one, which was dropped, in order.
$got = [];
for ($i = 0; $i < $sent - 1; ++$i) {
    $got[] = unpack('N', $client->binary())[1];
}
var_dump($got === range(1, $sent - 1));
waitFor($drained, 1, $server);
var_dump($open->bufferedAmount());
while ($client->hasFrame()) {
    $client->text();
}
echo $open->send('keeps up again')->name, "\n";
while ($client->text() !== 'keeps up again');
var_dump($drained);
$server->stop(0.0);
?>
--EXPECT--
Queued, Buffered, Dropped
bool(true)
bool(true)
bool(true)
int(0)
bool(true)
int(0)
Queued
int(1)
