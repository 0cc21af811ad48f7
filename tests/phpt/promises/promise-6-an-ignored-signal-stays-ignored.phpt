--TEST--
Promise 6: a signal that the script ignores stays ignored
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

[$child, $address] = Child::serve(function (Server $server): void {
    pcntl_signal(SIGINT, SIG_IGN);
    $server->onMessage(fn (Connection $connection, string $data) => $connection->send($data));
});
$client = Client::connect($address);
$child->signal(SIGINT);
$client->send('still served');
echo $client->text(), "\n";
$child->signal(SIGTERM);
echo $client->closed(), ', ', $child->end(), "\n";
?>
--EXPECTF--
still served
1001%S, exit 0
