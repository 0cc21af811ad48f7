--TEST--
Without a logger, standard error tells the listener and the version at start, and what was drained at stop
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

$server = new Server('127.0.0.1:0');
$server->after(0.0, function () use ($server): void {
    echo "\nrunning\n";
    $server->stop(0.0);
});
$server->run();
?>
--EXPECTF--
%A127.0.0.1:%d%A
running
%A
