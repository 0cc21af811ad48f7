--TEST--
Messages of every size come and go unchanged, text and binary, empty and with NULs
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server();
$server->onMessage(fn (Connection $connection, string $data, bool $binary) => $connection->send($data, $binary));
$server->start();
$client = Client::connect($server);
foreach ([0, 1, 2, 125, 126, 127, 65535, 65536, 1 << 20] as $size) {
    $data = $size === 0 ? '' : random_bytes($size);
    $client->sendBinary($data);
    echo $size, $client->binary() === $data ? ' ' : " differs\n";
    $text = str_repeat('ü', intdiv($size, 2)) . str_repeat("\0", $size % 2);
    $client->send($text);
    echo $client->text() === $text ? "ok\n" : "differs\n";
}
$server->stop(0.0);
?>
--EXPECT--
0 ok
1 ok
2 ok
125 ok
126 ok
127 ok
65535 ok
65536 ok
1048576 ok
