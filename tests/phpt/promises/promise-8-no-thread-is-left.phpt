--TEST--
Promise 8: no thread of the server is left after stop(), run() or the end of the object
--EXTENSIONS--
ferrite
--SKIPIF--
<?php
if (!is_dir('/proc/self/task')) die('skip needs /proc');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

$before = threads();
$server = server(ioThreads: 2);
var_dump(threads() === $before);
$server->start();
var_dump(threads() > $before);
$server->stop(0.0);
var_dump(threads() === $before);

$server->after(0.0, fn () => $server->stop(0.0));
$server->run();
var_dump(threads() === $before);

$server->start();
unset($server);
gc_collect_cycles();
var_dump(threads() === $before);
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
