--TEST--
SlowConsumer::DropOldest: the oldest that waits makes room, the newest always arrives
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits, SendResult, SlowConsumer};

require __DIR__ . '/../support.inc';

$open = null;
$server = server(limits: new Limits(sendBuffer: 262144, sendTimeout: 0.0, slowConsumer: SlowConsumer::DropOldest));
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection;
});
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);

$sent = $more = 0;
$results = sendUntil($server, $open, function (SendResult $result) use (&$more): bool {
    return $result === SendResult::Buffered && ++$more === 50;
}, $sent);
echo implode(', ', $results), "\n";
// What has not reached the native thread yet cannot be dropped by it.
until(function () use (&$open): bool {
    return $open->bufferedAmount() <= 262144;
}, $server);
var_dump($open->isOpen(), $open->bufferedAmount() > 0);
$got = [];
do {
    $got[] = unpack('N', $client->binary())[1];
} while (end($got) !== $sent);
$sorted = array_unique($got);
sort($sorted);
// In order and without doubles, with a gap.
var_dump($got === $sorted, $got[0], count($got) < $sent);
$server->stop(0.0);
?>
--EXPECT--
Queued, Buffered
bool(true)
bool(true)
bool(true)
int(1)
bool(true)
