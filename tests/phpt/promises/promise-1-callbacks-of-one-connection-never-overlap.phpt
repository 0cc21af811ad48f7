--TEST--
Promise 1: while a callback is suspended in its Fiber, the rest of its connection waits and others go on
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$log = [];
$server = server(ioThreads: 1);
$server->onMessage(function (Connection $connection, string $data) use (&$log): void {
    $log[] = "$data begins";
    if ($data === 'slow') {
        \Fiber::suspend();
    }
    $log[] = "$data ends";
});
$server->onClose(function () use (&$log): void {
    $log[] = 'close';
});
$server->start();
$slow = Client::connect($server);
$other = Client::connect($server);

$slow->send('slow', 'after');
$slow->close();
$fiber = new \Fiber(function () use ($server, &$log): void {
    while ($log === []) {
        $server->poll(0.01);
    }
});
$fiber->start();
foreach (['other', 'again', 'and again'] as $text) {
    $other->send($text);
    until(function () use (&$log, &$text): bool {
        return in_array("$text ends", $log, true);
    }, $server);
}
$log[] = '(resume)';
$fiber->resume();
until(function () use (&$log): bool {
    return in_array('close', $log, true);
}, $server);
$server->stop(0.0);
echo implode("\n", array_slice($log, 0, 12)), "\n";
?>
--EXPECT--
slow begins
other begins
other ends
again begins
again ends
and again begins
and again ends
(resume)
slow ends
after begins
after ends
close
