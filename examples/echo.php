<?php

declare(strict_types=1);

// Sends every message back to its sender.
//
//   php -d extension=target/release/libferrite.so examples/echo.php [ADDRESS…]
//
// An address is host:port or unix:///path; port 0 takes a free one. Ctrl-C stops it.

use Ferrite\Connection;
use Ferrite\Server;

require __DIR__ . '/need-ferrite.php';

$server = new Server(array_slice($argv, 1) ?: '127.0.0.1:8080');

$server->onMessage(function (Connection $from, string $data, bool $binary): void {
    $from->send($data, $binary);
});

$server->run();
