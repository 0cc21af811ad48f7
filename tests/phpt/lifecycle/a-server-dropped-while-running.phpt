--TEST--
A running server that nobody holds any more closes its clients and its port
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

$server = server();
$server->start();
[$address] = $server->addresses();
$client = Client::connect($address);
unset($server);
gc_collect_cycles();
$closed = $client->closed();
echo $closed === 'vanished' || str_starts_with($closed, '1001') ? 'the client is let go' : $closed, "\n";
$next = server(listen: $address);
$next->start();
echo $next->addresses() === [$address] ? 'the port is free' : 'not the same address', "\n";
$next->stop(0.0);
?>
--EXPECT--
the client is let go
the port is free
