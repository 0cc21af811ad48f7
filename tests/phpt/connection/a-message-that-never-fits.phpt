--TEST--
A message larger than all buffers is a ValueError that names the option; one larger than sendBuffer goes alone
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits};

require __DIR__ . '/../support.inc';

$open = null;
$server = server(limits: new Limits(sendBuffer: 10_000, totalSendBuffer: 100_000), ioThreads: 1);
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection->subscribe('topic');
});
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);
$large = str_repeat('x', 100_001);
$calls = [
    fn () => $open->send($large),
    fn () => $open->send($large, true),
    fn () => $server->send($open->id, $large),
    fn () => $server->broadcast($large),
    fn () => $server->publish('topic', $large),
];
foreach ($calls as $call) {
    $thrown = thrown($call);
    echo str_starts_with($thrown, 'ValueError: ') && str_contains($thrown, 'totalSendBuffer') ? 'ValueError' : $thrown, ' ';
}
echo "\n", $open->send(str_repeat('x', 90_000))->name, ' ', strlen($client->text()), "\n";
$server->stop(0.0);
?>
--EXPECT--
ValueError ValueError ValueError ValueError ValueError 
Queued 90000
