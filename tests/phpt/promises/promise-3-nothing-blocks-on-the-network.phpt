--TEST--
Promise 3: send, publish, broadcast and subscribe never wait for a client that does not read
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits, SlowConsumer};

require __DIR__ . '/../support.inc';

$open = null;
$server = server(limits: new Limits(sendBuffer: 1 << 20, slowConsumer: SlowConsumer::DropNewest));
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection;
});
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);

$data = str_repeat('x', 256 * 1024);
$longest = 0;
for ($i = 0; $i < 200; ++$i) {
    $start = hrtime(true);
    $results[$open->send($data, true)->name] = true;
    $open->subscribe("topic-$i");
    $server->publish("topic-$i", $data, true);
    $server->broadcast($data, true);
    $open->unsubscribe("topic-$i");
    $longest = max($longest, hrtime(true) - $start);
}
var_dump(isset($results['Dropped']), isset($results['Closed']), $longest < 1e9);
$server->stop(0.0);
?>
--EXPECT--
bool(true)
bool(false)
bool(true)
