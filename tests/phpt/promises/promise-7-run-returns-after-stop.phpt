--TEST--
Promise 7: run() serves and returns after stop(), from a callback and from a timer
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
    $connection->send("echo $data");
    if ($data === 'stop') {
        $server->stop(5.0);
        echo "stop() returned within the callback\n";
    }
});
$server->onClose(function (Connection $connection, int $code): void {
    echo "close $code\n";
});
$server->onStop(function (): void {
    echo "stop callback\n";
});
play($server, function () use ($server): void {
    $client = Client::connect($server->addresses()[0]);
    $client->send('hello', 'stop');
    echo implode(', ', $client->rest()), "\n";
});
echo "run() returned\n";
var_dump($server->addresses(), $server->count());
$server->after(0.01, fn () => $server->stop());
$server->run();
echo "run() returned again\n";
?>
--EXPECTF--
stop() returned within the callback
echo hello, echo stop, 1001%S
close 1001
stop callback
run() returned
array(0) {
}
int(0)
stop callback
run() returned again
