<?php

declare(strict_types=1);

// A server that lets clients in by what the variable JWT says, the arguments of Auth\Jwt as JSON. It answers every
// message with who its sender is; a handshake callback passes the claims on as a header.

use Ferrite\Auth\Jwt;
use Ferrite\Connection;
use Ferrite\Handshake;
use Ferrite\Server;

$server = new Server('127.0.0.1:0', auth: new Jwt(...json_decode(getenv('JWT'), true, flags: JSON_THROW_ON_ERROR)));
$server->onHandshake(function (Handshake $handshake): void {
    $handshake->accept(headers: ['X-Claims' => json_encode($handshake->identity->claims, JSON_THROW_ON_ERROR)]);
});
$server->onMessage(function (Connection $from): void {
    $from->send(json_encode([$from->user, $from->topics(), $from->tags()], JSON_THROW_ON_ERROR));
});
$server->run();

// PHP leaves cycles to the end of the process; a leak checker would take this one for a leak.
unset($server);
gc_collect_cycles();
