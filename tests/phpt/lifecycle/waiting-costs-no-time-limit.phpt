--TEST--
Waiting for clients does not count against max_execution_time
--EXTENSIONS--
ferrite
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip under valgrind the start alone takes a second of CPU');
?>
--INI--
max_execution_time=1
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

$server = server();
$start = hrtime(true);
$server->after(1.3, fn () => $server->stop(0.0));
$server->run();
var_dump(hrtime(true) - $start > 1.2e9);
?>
--EXPECT--
bool(true)
