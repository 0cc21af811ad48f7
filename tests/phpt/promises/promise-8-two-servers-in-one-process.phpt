--TEST--
Promise 8: two servers run beside each other in one process
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$servers = [server(), server()];
foreach ($servers as $i => $server) {
    $server->onMessage(fn (Connection $connection, string $data) => $connection->send("$i: $data"));
    $server->start();
}
$clients = array_map(Client::connect(...), $servers);
foreach ([1, 0] as $i) {
    $clients[$i]->send('hello');
    echo $clients[$i]->text(), "\n";
}
$servers[0]->stop(0.0);
$clients[1]->send('still here');
echo $clients[1]->text(), "\n";
$servers[1]->stop(0.0);
?>
--EXPECT--
1: hello
0: hello
1: still here
