--TEST--
An address that cannot be bound is a BindException that names it; nothing of the others stays bound
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\BindException;

require __DIR__ . '/../support.inc';

$first = server();
$first->start();
[$taken] = $first->addresses();
$second = server(listen: ['127.0.0.1:0', $taken]);
foreach ([$second->start(...), $second->run(...)] as $call) {
    try {
        $call();
    } catch (BindException $error) {
        var_dump(str_contains($error->getMessage(), $taken), strlen($error->getMessage()) > strlen($taken) + 10);
    }
}
var_dump($second->addresses());
try {
    server(listen: '203.0.113.1:0')->start();
} catch (\Ferrite\Exception $error) {
    var_dump($error instanceof BindException, str_contains($error->getMessage(), '203.0.113.1'));
}
try {
    server(listen: 'unix:///nowhere/at/all.sock')->start();
} catch (\Ferrite\Exception $error) {
    var_dump($error instanceof BindException, str_contains($error->getMessage(), '/nowhere/at/all.sock'));
}
// Once it is free, the same object starts.
$first->stop(0.0);
$second->start();
var_dump(count($second->addresses()));
$second->stop(0.0);
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
array(0) {
}
bool(true)
bool(true)
bool(true)
bool(true)
int(2)
