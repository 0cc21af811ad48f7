--TEST--
set_time_limit() ends a busy callback with PHP's own fatal error, in an orderly way
--EXTENSIONS--
ferrite
pcntl
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a fatal error loses memory by nature');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

[$child, $address] = Child::serve(function (Server $server, callable $report): void {
    register_shutdown_function(fn () => $report('shutdown function'));
    $server->onMessage(function (): void {
        set_time_limit(1);
        for ($i = 0;; ++$i);
    });
});
$idle = Client::connect($address);
$client = Client::connect($address);
$client->send('work');
$closed = $idle->closed();
echo "\n", preg_match('/^10\d\d/', $closed) === 1 ? 'closed' : $closed, ', ', $child->line(), ', ', $child->end(), "\n";
?>
--EXPECTF--
%AMaximum execution time of 1 second exceeded%A
closed, shutdown function, exit 255
