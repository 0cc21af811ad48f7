--TEST--
send() by id reaches that connection; an unknown id is a client that has gone
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$ids = [];
$server = server(ioThreads: 2);
$server->onOpen(function (Connection $connection) use (&$ids): void {
    $ids[$connection->request->path] = $connection->id;
});
$server->start();
$clients = [];
foreach (['/a', '/b', '/c'] as $path) {
    $clients[$path] = Client::connect($server, $path);
    until(function () use (&$ids, &$path): bool {
        return isset($ids[$path]);
    }, $server);
}
foreach ($ids as $path => $id) {
    echo $server->send($id, "to $path")->name, ' ', $clients[$path]->text(), "\n";
}
echo $server->send($ids['/b'], "\0\xff", true)->name, ' ', bin2hex($clients['/b']->binary()), "\n";
foreach ([0, -1, 1 << 40, PHP_INT_MAX, PHP_INT_MIN] as $unknown) {
    if (!in_array($unknown, $ids, true)) {
        echo $server->send($unknown, 'x')->name, ' ', json_encode($server->connection($unknown)), "\n";
    }
}
$server->stop(0.0);
echo $server->send($ids['/a'], 'x')->name, "\n";
?>
--EXPECT--
Queued to /a
Queued to /b
Queued to /c
Queued 00ff
Closed null
Closed null
Closed null
Closed null
Closed null
Closed
