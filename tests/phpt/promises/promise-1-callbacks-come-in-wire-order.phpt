--TEST--
Promise 1: the callbacks of one connection come in wire order: handshake, open, message…, close
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$seen = [];
$server = server();
$server->onHandshake(function (Handshake $handshake) use (&$seen): void {
    $seen[] = 'handshake';
});
$server->onOpen(function (Connection $connection) use (&$seen): void {
    $seen[] = 'open';
});
$server->onMessage(function (Connection $connection, string $data, bool $binary) use (&$seen): void {
    $seen[] = ($binary ? 'binary ' : 'text ') . $data;
});
$server->onClose(function (Connection $connection, int $code, string $reason) use (&$seen): void {
    $seen[] = "close $code $reason";
});
$server->start();

$client = Client::connect($server);
$client->write(
    Client::frame(Client::TEXT, 'one')
    . Client::frame(Client::TEXT, 'tw', false)
    . Client::frame(Client::PING, 'in between')
    . Client::frame(0, '', false)
    . Client::frame(0, 'o')
    . Client::frame(Client::BINARY, 'three')
    . Client::frame(Client::TEXT, '')
    . Client::frame(Client::CLOSE, pack('n', 4000) . 'enough')
);
waitFor($seen, 7, $server);
$server->stop(0.0);
echo implode("\n", $seen), "\n";
?>
--EXPECT--
handshake
open
text one
text two
binary three
text 
close 4000 enough
