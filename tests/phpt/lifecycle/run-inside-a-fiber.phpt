--TEST--
run() inside a Fiber, suspended by a callback and resumed from outside
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server();
$server->onMessage(function (Connection $connection, string $data): void {
    $connection->send('resumed with ' . \Fiber::suspend($data));
});
$outer = new \Fiber(function () use ($server): string {
    play($server, function () use ($server): void {
        $client = Client::connect($server->addresses()[0]);
        foreach (['one', 'two'] as $text) {
            $client->send($text);
            echo $client->text(), "\n";
        }
    });

    return 'run() returned';
});
$suspended = $outer->start();
while (!$outer->isTerminated()) {
    echo "suspended with $suspended\n";
    $suspended = $outer->resume(strtoupper($suspended));
}
echo $outer->getReturn(), "\n";
?>
--EXPECT--
suspended with one
resumed with ONE
suspended with two
resumed with TWO
run() returned
