--TEST--
Promise 4: a vanished client is not an error: SendResult::Closed, and everything else has no effect
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$gone = null;
$server = server();
$server->onOpen(fn (Connection $connection) => $connection->subscribe('topic'));
$server->onClose(function (Connection $connection) use (&$gone, $server): void {
    $gone = $connection;
    echo 'inside the close callback: ', $connection->send('x')->name, "\n";
});
$server->start();
Client::connect($server)->vanish();
waitFor($gone, 1, $server);

echo $gone->send('x')->name, ' ', $gone->send("\0\xff", true)->name, ' ', $server->send($gone->id, 'x')->name, "\n";
var_dump($server->publish('topic', 'x'), $server->broadcast('x'), $server->count());
var_dump($gone->subscribe('other') === $gone, $gone->unsubscribe('topic') === $gone, $gone->topics());
$gone->close(4000, 'again');
$gone->pause();
$gone->resume();
var_dump($gone->isOpen(), $gone->bufferedAmount(), $server->connection($gone->id));
// Wrong use is still wrong use.
echo thrownClass(fn () => $gone->send("\xff")), ' ', thrownClass(fn () => $gone->close(1)), "\n";
$server->stop(0.0);
?>
--EXPECT--
inside the close callback: Closed
Closed Closed Closed
int(0)
int(0)
int(0)
bool(true)
bool(true)
array(0) {
}
bool(false)
int(0)
NULL
ValueError ValueError
