--TEST--
defer() keeps a client waiting until accept() or reject() from a later callback
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$waiting = [];
$server = server();
$server->onHandshake(function (Handshake $handshake) use (&$waiting, $server): void {
    $handshake->defer();
    $handshake->defer();
    $waiting[$handshake->request->path] = $handshake;
    if ($handshake->request->path === '/timer') {
        $server->after(0.02, fn () => $handshake->accept(user: 'by a timer'));
    }
});
$server->onOpen(function (Connection $connection): void {
    if ($connection->request->path !== '/gone') {
        echo "open $connection->user\n";
        $connection->send('welcome');
    }
});
$server->start();
$timer = Client::connect($server, '/timer');
echo $timer->text(), "\n";

$accepted = Client::begin($server, '/accepted');
$rejected = Client::begin($server, '/rejected');
$gone = Client::begin($server, '/gone');
waitFor($waiting, 4, $server);
var_dump($server->count(), $accepted->hasFrame());
$waiting['/rejected']->reject(402, 'pay first');
$waiting['/accepted']->accept(user: 'from outside');
$answer = $rejected->answer();
echo $answer->status, ' ', $answer->body, "\n";
$status = $accepted->answer()->status;
$text = $accepted->text();
echo "$status $text\n";

// A client that has gone meanwhile is not an error.
$gone->vanish();
$barrier = Client::connect($server, '/timer');
echo $barrier->text(), "\n";
echo thrown(fn () => $waiting['/gone']->accept()), ' ', thrownClass(fn () => $waiting['/gone']->accept()), "\n";
$server->stop(0.0);
?>
--EXPECTF--
open by a timer
welcome
int(1)
bool(false)
%A402 pay first
%A101 welcome
open by a timer
welcome
nothing thrown Ferrite\StateException
