--TEST--
A target that a callback keeps does not keep its server alive for ever
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

$server = new Server('127.0.0.1:0');
$target = $server->to()->topic('news');
$server->onMessage(fn () => $target->send('x'));
$seen = \WeakReference::create($server);
unset($server, $target);
var_dump($seen->get() instanceof Server);
gc_collect_cycles();
var_dump($seen->get());
// A target alone keeps its server.
$target = (new Server('127.0.0.1:0'))->to();
var_dump($target->count());
?>
--EXPECT--
bool(true)
NULL
int(0)
