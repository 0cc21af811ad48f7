--TEST--
pause() holds a client's messages back, resume() brings them all in order; sending to it goes on
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$open = $got = [];
$server = server(ioThreads: 1);
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open[$connection->request->path] = $connection;
});
$server->onMessage(function (Connection $connection, string $data) use (&$got): void {
    $got[$connection->request->path][] = $data;
    $connection->send("echo $data");
});
$server->start();
$paused = Client::connect($server, '/paused');
$other = Client::connect($server, '/other');
waitFor($open, 2, $server);
$barrier = function () use ($other): void {
    for ($i = 0; $i < 5; ++$i) {
        $other->send("barrier");
        $other->text();
    }
};

$open['/paused']->pause();
$open['/paused']->pause();
$barrier();
$paused->send('one', 'two', 'three');
$barrier();
var_dump($got['/paused'] ?? 'nothing');
echo $open['/paused']->send('sending goes on')->name, ' ', $paused->text(), "\n";
$open['/paused']->resume();
echo implode(', ', $paused->texts(3)), "\n";
$open['/paused']->resume();
$paused->send('four');
echo $paused->text(), "\n";
// A paused connection can be closed.
$open['/paused']->pause();
$open['/paused']->close(4000);
echo $paused->closed(), "\n";
until(fn (): bool => $server->count() === 1, $server);
$server->stop(0.0);
?>
--EXPECT--
string(7) "nothing"
Queued sending goes on
echo one, echo two, echo three
echo four
4000
