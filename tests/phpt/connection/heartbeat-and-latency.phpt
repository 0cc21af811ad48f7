--TEST--
latency() is null before the first pong and known afterwards; a client that is silent is closed with 1006
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Heartbeat};

require __DIR__ . '/../support.inc';

$closed = [];
$open = null;
$server = server(heartbeat: new Heartbeat(interval: patience(0.05), timeout: patience(0.3)));
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open ??= $connection;
    var_dump($connection->latency());
});
$server->onClose(function (Connection $connection, int $code) use (&$closed): void {
    $closed[$connection->request->path] = $code;
});
$server->start();
$client = Client::connect($server, '/alive');
$dead = Client::connect($server, '/dead');
waitFor($open, 1, $server);
$server->every(0.01, function () use (&$open, &$closed): void {
    if ($open->latency() !== null && isset($closed['/dead'])) {
        $open->send('both seen');
    }
});
echo $client->text(), "\n";
var_dump(is_float($open->latency()) && $open->latency() >= 0.0 && $open->latency() < patience(5), $closed);
$server->stop(0.0);
?>
--EXPECT--
NULL
NULL
both seen
bool(true)
array(1) {
  ["/dead"]=>
  int(1006)
}
