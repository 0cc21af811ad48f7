--TEST--
Promise 2: what was sent before close() or stop() arrives before the close frame
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server();
$server->onMessage(function (Connection $connection, string $data) use ($server): void {
    for ($i = 0; $i < 3; ++$i) {
        $connection->send("$data $i");
    }
    if ($data === 'close') {
        $connection->close(4321, 'done');
        echo $connection->send('too late')->name, "\n";
    } else {
        $server->stop(5.0);
    }
});
play($server, function () use ($server): void {
    $closing = Client::connect($server->addresses()[0]);
    $stopping = Client::connect($server->addresses()[0]);
    $closing->send('close');
    echo implode(', ', $closing->rest()), "\n";
    $stopping->send('stop');
    echo implode(', ', $stopping->rest()), "\n";
});
?>
--EXPECTF--
Closed
close 0, close 1, close 2, 4321 done
stop 0, stop 1, stop 2, 1001%S
