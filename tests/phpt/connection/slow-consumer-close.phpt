--TEST--
SlowConsumer::Close: a client that does not read is closed with 1013, and SendResult told it
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits, SendResult};

require __DIR__ . '/../support.inc';

$open = $closed = [];
$server = server(limits: new Limits(sendBuffer: 262144, closeTimeout: 0.2));
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open[$connection->request->path] = $connection;
});
$server->onClose(function (Connection $connection, int $code) use (&$closed): void {
    $closed[$connection->request->path] = $code;
});
$server->start();
$slow = Client::connect($server, '/slow');
$other = Client::connect($server, '/other');
waitFor($open, 2, $server);

$results = sendUntil($server, $open['/slow'], fn (SendResult $result): bool => $result === SendResult::Closed);
echo implode(', ', $results), "\n";
var_dump($open['/slow']->isOpen(), $open['/slow']->send('x')->name, $server->send($open['/slow']->id, 'x')->name);
echo $open['/other']->send('others are not affected')->name, ' ', $other->text(), "\n";
waitFor($closed, 1, $server);
var_dump($closed);
$server->stop(0.0);
?>
--EXPECT--
Queued, Buffered, Closed
bool(false)
string(6) "Closed"
string(6) "Closed"
Queued others are not affected
array(1) {
  ["/slow"]=>
  int(1013)
}
