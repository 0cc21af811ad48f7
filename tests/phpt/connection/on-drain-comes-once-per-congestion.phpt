--TEST--
onDrain comes once per congestion, in the connection's order, and never without one
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits, SendResult};

require __DIR__ . '/../support.inc';

$log = [];
$open = null;
$server = server(limits: new Limits(sendTimeout: 0.0));
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection;
});
$server->onDrain(function () use (&$log): void {
    $log[] = 'drain';
});
$server->onMessage(function (Connection $connection, string $data) use (&$log): void {
    $log[] = $data;
});
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);
$client->send('not congested yet');
waitFor($log, 1, $server);
for ($round = 1; $round <= 2; ++$round) {
    $sent = 0;
    sendUntil($server, $open, fn (SendResult $result): bool => $result === SendResult::Buffered, $sent);
    $log[] = 'buffered';
    for ($i = 0; $i < $sent; ++$i) {
        $client->binary();
    }
    until(function () use (&$log): bool {
        return end($log) === 'drain';
    }, $server);
    $client->send("after drain $round");
    until(function () use (&$log, &$round): bool {
        return end($log) === "after drain $round";
    }, $server);
}
$server->stop(0.0);
echo implode(', ', $log), "\n";
?>
--EXPECT--
not congested yet, buffered, drain, after drain 1, buffered, drain, after drain 2
