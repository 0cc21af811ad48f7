--TEST--
Attributes can be set until the script knows of the close, and read until the close callback has returned
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$open = $closed = [];
$server = server();
$server->onOpen(function (Connection $connection) use (&$open): void {
    $connection['name'] = 'ann';
    $connection['gone'] = 1;
    unset($connection['gone']);
    $open[] = $connection;
});
$server->onMessage(function (Connection $connection, string $data): void {
    if ($data === 'gone') {
        // The client has closed, and the close callback is still to come.
        $deadline = deadline(10);
        while ($connection->isOpen() && hrtime(true) < $deadline) {
            usleep(500);
        }
        unset($connection['name']);
        $connection['name'] = 'bob';
        var_dump($connection->isOpen(), thrownClass(fn () => $connection['large'] = str_repeat('x', 500_000)));
    }
    $connection['last'] = $data;
    if ($data === 'throw') {
        throw new \Exception('an exception');
    }
});
$server->onError(fn () => null);
$server->onClose(function (Connection $connection) use (&$closed): void {
    // No effect, and no error, but wrong types stay wrong.
    $connection['name'] = 'eve';
    $connection['late'] = 1;
    $connection['large'] = str_repeat('x', 5000);
    $connection['larger'] = str_repeat('x', 500_000);
    unset($connection['last']);
    $wrong = thrownClass(fn () => $connection['x'] = new \stdClass());
    $closed[] = [$connection['name'], $connection['last'] ?? 'nothing', isset($connection['late']), isset($connection['gone']), $wrong];
    // In a Fiber the callback may take its time.
    if (($connection['last'] ?? '') === 'suspend') {
        \Fiber::suspend();
        $closed[] = [$connection['name'], $connection['last']];
    }
});
$server->start();

$show = function (string $how) use (&$closed, &$open): void {
    echo $how, ': ', json_encode($closed), json_encode(@end($open)['name']), "\n";
    $closed = [];
};
// The client closes.
$client = Client::connect($server);
$client->send('hello');
$client->close();
waitFor($closed, 1, $server);
$show('the client closes');
$client = Client::connect($server);
$client->write(Client::frame(Client::TEXT, 'gone'));
$client->close();
waitFor($closed, 1, $server);
$show('the client has closed before');
// The script closes.
$client = Client::connect($server);
waitFor($open, 3, $server);
$open[2]->close();
$open[2]['name'] = 'eve';
unset($open[2]['name']);
echo $open[2]['name'], "\n";
$client->closed();
waitFor($closed, 1, $server);
$show('the script closes');
// The client vanishes.
$client = Client::connect($server);
waitFor($open, 4, $server);
$client->vanish();
waitFor($closed, 1, $server);
$show('the client vanishes');
// A callback throws.
$client = Client::connect($server);
$client->send('throw');
$client->closed();
waitFor($closed, 1, $server);
$show('a callback throws');
// The close callback is suspended for a while.
$client = Client::connect($server);
$client->send('suspend');
waitFor($open, 6, $server);
$client->close();
$fiber = new \Fiber(function () use ($server, &$closed): void {
    while (count($closed) < 2) {
        $server->poll(0.002);
    }
});
$fiber->start();
while (!$fiber->isTerminated()) {
    $fiber->resume();
}
$show('suspended');
// The server stops.
$client = Client::connect($server);
waitFor($open, 7, $server);
$server->stop(0.0);
$show('the server stops');
$open[6]['name'] = 'eve';
unset($open[6]['name']);
var_dump(isset($open[6]['name']));
?>
--EXPECT--
the client closes: [["ann","hello",false,false,"TypeError"]]null
bool(false)
string(10) "ValueError"
the client has closed before: [["bob","gone",false,false,"TypeError"]]null
ann
the script closes: [["ann","nothing",false,false,"TypeError"]]null
the client vanishes: [["ann","nothing",false,false,"TypeError"]]null
a callback throws: [["ann","throw",false,false,"TypeError"]]null
suspended: [["ann","suspend",false,false,"TypeError"],["ann","suspend"]]null
the server stops: [["ann","nothing",false,false,"TypeError"]]null
bool(false)
