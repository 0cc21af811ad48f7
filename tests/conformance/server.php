<?php

declare(strict_types=1);

// The echo server of the conformance run: every limit is on; only the message size is what the cases need. A threshold of 0,
// because cases with short messages want to see them compressed too. With two arguments, certificate and key, over TLS.

use Ferrite\Compression;
use Ferrite\Connection;
use Ferrite\Limits;
use Ferrite\Server;
use Ferrite\Tls;

$server = new Server(
    '127.0.0.1:0',
    tls: isset($argv[2]) ? new Tls($argv[1], $argv[2]) : null,
    limits: new Limits(maxMessageSize: 16 * 1024 * 1024),
    compression: new Compression(threshold: 0),
);
$server->onMessage(fn (Connection $from, string $data, bool $binary) => $from->send($data, $binary, compress: true));
$server->run();
