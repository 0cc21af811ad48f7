--TEST--
Promise 5: a fatal error in a callback: clients get a close frame, shutdown functions run, PHP's exit code
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

$fatal = [
    'E_USER_ERROR' => fn () => @trigger_error('on purpose', E_USER_ERROR),
    'compile error' => fn () => @eval('function twice() {} function twice() {}'),
];
foreach ($fatal as $name => $die) {
    [$child, $address] = Child::serve(function (Server $server, callable $report) use ($die): void {
        register_shutdown_function(fn () => $report('shutdown function'));
        $server->onMessage($die);
    });
    $idle = Client::connect($address);
    $client = Client::connect($address);
    $client->send('die');
    $closed = $idle->closed();
    echo $name, ': ', preg_match('/^10\d\d/', $closed) === 1 ? 'closed' : $closed;
    echo ', ', $child->line(), ', ', $child->end(), "\n";
}
?>
--EXPECTF--
%AE_USER_ERROR: closed, shutdown function, exit 255
%Acompile error: closed, shutdown function, exit 255
