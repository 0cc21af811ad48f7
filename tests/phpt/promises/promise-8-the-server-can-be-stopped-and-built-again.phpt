--TEST--
Promise 8: a server can be stopped and started again, and another built on the same port
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

function roundTrip(Server $server): void
{
    $client = Client::connect($server);
    $client->send('hello');
    echo $client->text(), "\n";
}

$echo = fn (Connection $connection, string $data) => $connection->send($data);
$first = server()->onMessage($echo);
$first->start();
[$address] = $first->addresses();
roundTrip($first);
$first->stop(0.0);
$first->start();
roundTrip($first);
$first->stop(0.0);
for ($i = 0; $i < 3; ++$i) {
    $next = server(listen: $address)->onMessage($echo);
    $next->start();
    var_dump($next->addresses() === [$address]);
    roundTrip($next);
    $next->stop(0.0);
}
?>
--EXPECT--
hello
hello
bool(true)
hello
bool(true)
hello
bool(true)
hello
