--TEST--
A callback may run another program, and fork a child that just ends
--EXTENSIONS--
ferrite
pcntl
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a fork loses what its missing threads owned');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server();
$server->onMessage(function (Connection $connection, string $data): void {
    if ($data === 'fork') {
        $child = Child::fork(fn () => exit(5));
        $connection->send($child->end());
    } else {
        $connection->send(trim(shell_exec("echo $data")));
    }
});
$server->start();
$client = Client::connect($server);
foreach (['fork', 'a-program', 'fork', 'another'] as $text) {
    $client->send($text);
    echo $client->text(), "\n";
}
$server->stop(0.0);
?>
--EXPECT--
exit 5
a-program
exit 5
another
