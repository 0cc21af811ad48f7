--TEST--
maxConnections answers 503, maxConnectionsPerAddress 429; neither hurts the clients that are in
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits};

require __DIR__ . '/../support.inc';

foreach ([503 => ['maxConnections' => 2], 429 => ['maxConnectionsPerAddress' => 2]] as $limit) {
    $server = server(limits: new Limits(...$limit));
    $server->onMessage(fn (Connection $connection, string $data) => $connection->send($data));
    $server->start();
    $clients = [Client::connect($server), Client::connect($server)];
    echo Client::ask($server)->status, "\n";
    foreach ($clients as $client) {
        $client->send('still here');
        echo $client->text(), "\n";
    }
    // A place that was left is free again.
    $clients[0]->close();
    $clients[0]->closed();
    $clients[0]->vanish();
    until(fn (): bool => Client::ask($server)->status === 101, $server);
    echo "free again\n";
    $server->stop(0.0);
}
?>
--EXPECT--
503
still here
still here
free again
429
still here
still here
free again
