--TEST--
connections() gives the open ones, also while they are closed during the iteration
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server(ioThreads: 2);
$seen = [];
$closes = 0;
$server->onOpen(function (Connection $connection) use (&$seen): void {
    $seen[$connection->id] = $connection;
});
$server->onClose(function () use (&$closes): void {
    ++$closes;
});
$server->start();
$clients = [];
for ($i = 0; $i < 5; ++$i) {
    $clients[] = Client::connect($server);
}
waitFor($seen, 5, $server);

$iterated = [];
foreach ($server->connections() as $connection) {
    $iterated[$connection->id] = $connection;
}
ksort($seen);
ksort($iterated);
var_dump($server->count(), $iterated === $seen, min(array_keys($seen)) > 0);
foreach ($seen as $id => $connection) {
    $server->connection($id) === $connection || print("not the same object\n");
}
foreach ($server->connections() as $connection) {
    foreach ($server->connections() as $other) {
        $other->close(4000);
    }
}
foreach ($clients as $client) {
    echo $client->closed(), ' ';
}
waitFor($closes, 5, $server);
var_dump($server->count());
foreach ($server->connections() as $connection) {
    echo "none is left\n";
}
$server->stop(0.0);
?>
--EXPECT--
int(5)
bool(true)
bool(true)
4000 4000 4000 4000 4000 int(0)
