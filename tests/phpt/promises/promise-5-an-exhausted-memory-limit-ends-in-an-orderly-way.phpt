--TEST--
Promise 5: an exhausted memory limit in a callback ends the process in an orderly way
--EXTENSIONS--
ferrite
pcntl
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip without PHP\'s allocator there is no memory limit');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

[$child, $address] = Child::serve(function (Server $server, callable $report): void {
    register_shutdown_function(fn () => $report('shutdown function'));
    ini_set('memory_limit', '32M');
    $server->onMessage(function (): void {
        for ($hoard = [];;) {
            $hoard[] = str_repeat('x', 100_000);
        }
    });
});
$idle = Client::connect($address);
$client = Client::connect($address);
$client->send('die');
$closed = $idle->closed();
echo "\n", preg_match('/^10\d\d/', $closed) === 1 ? 'closed' : $closed, ', ', $child->line(), ', ', $child->end(), "\n";
?>
--EXPECTF--
%AAllowed memory size of %d bytes exhausted%A
closed, shutdown function, exit 255
