--TEST--
A second answer, or one after the callback has returned without defer(), is a StateException
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Handshake;

require __DIR__ . '/../support.inc';

$kept = null;
$server = server();
$server->onHandshake(function (Handshake $handshake) use (&$kept): void {
    $kept = $handshake;
    if ($handshake->request->path === '/accept') {
        $handshake->accept();
    } elseif ($handshake->request->path === '/reject') {
        $handshake->reject();
    } else {
        return;
    }
    echo thrownClass(fn () => $handshake->accept()), ' ', thrownClass(fn () => $handshake->reject()), ' ', thrownClass(fn () => $handshake->defer()), "\n";
});
$server->start();
foreach (['/accept', '/reject', '/neither'] as $path) {
    echo Client::ask($server, $path)->status, "\n";
}
echo thrownClass(fn () => $kept->accept()), ' ', thrownClass(fn () => $kept->reject()), ' ', thrownClass(fn () => $kept->defer()), "\n";
$server->stop(0.0);
?>
--EXPECT--
Ferrite\StateException Ferrite\StateException Ferrite\StateException
101
Ferrite\StateException Ferrite\StateException Ferrite\StateException
403
101
Ferrite\StateException Ferrite\StateException Ferrite\StateException
