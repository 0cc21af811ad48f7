--TEST--
A cycle of server, closures, timers and connections is seen by PHP's garbage collector
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{BaseHandler, Connection, Server};

require __DIR__ . '/../support.inc';

function cycle(bool $running): \WeakReference
{
    $server = server();
    $use = function () use ($server): void {
    };
    $server->onHandshake($use)->onOpen($use)->onMessage($use)->onClose($use)->onError($use);
    $server->onDrain($use)->onStart($use)->onStop($use)->onAuthorize($use)->onSubscribe('a', $use);
    if ($running) {
        $server->every(10.0, $use);
        $opened = 0;
        $server->onOpen(function (Connection $connection) use ($server, &$opened): void {
            $connection->data = [$server, $connection];
            ++$opened;
        });
        $server->start();
        $client = Client::connect($server);
        waitFor($opened, 1, $server);
    }

    return \WeakReference::create($server);
}

foreach ([false, true] as $running) {
    $server = cycle($running);
    $held = $server->get() !== null;
    $collected = gc_collect_cycles() > 0;
    var_dump($held && $collected, $server->get());
}
class WithHandler extends BaseHandler
{
    public ?Server $server = null;
}
$handler = new WithHandler();
$handler->server = server()->handler($handler);
$server = \WeakReference::create($handler->server);
unset($handler);
gc_collect_cycles();
var_dump($server->get());
?>
--EXPECT--
bool(true)
NULL
bool(true)
NULL
NULL
