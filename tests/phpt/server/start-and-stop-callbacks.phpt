--TEST--
onStart comes before, onStop after every other callback, once per run
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

$log = [];
$server = server();
$server->onStart(function (Server $started) use (&$log, $server): void {
    $log[] = 'start ' . json_encode($started === $server) . ' ' . count($started->addresses());
});
$server->onOpen(function () use (&$log): void {
    $log[] = 'open';
});
$server->onClose(function () use (&$log): void {
    $log[] = 'close';
});
$server->onStop(function (Server $stopped) use (&$log, $server): void {
    $log[] = 'stop ' . json_encode($stopped === $server) . ' ' . $stopped->count();
});
foreach ([1, 2] as $run) {
    $server->start();
    $clients = [Client::connect($server), Client::connect($server)];
    until(function () use (&$log): bool {
        return count(array_keys($log, 'open')) === 2;
    }, $server);
    $server->stop(0.0);
    echo implode(', ', $log), "\n";
    $log = [];
}
?>
--EXPECT--
start true 1, open, open, close, close, stop true 0
start true 1, open, open, close, close, stop true 0
