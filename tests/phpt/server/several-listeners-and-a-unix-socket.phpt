--TEST--
Several listeners at once, one of them a Unix socket that is removed afterwards
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$path = sys_get_temp_dir() . '/ferrite-' . getmypid() . '.sock';
$server = server(listen: ['127.0.0.1:0', "unix://$path", '127.0.0.1:0']);
var_dump($server->addresses());
$server->onMessage(fn (Connection $connection, string $data) => $connection->send("$data $connection->remoteAddress"));
$server->start();
$addresses = $server->addresses();
var_dump(count($addresses), $addresses[1] === "unix://$path");
var_dump(preg_match('/^127\.0\.0\.1:[1-9]\d*$/D', $addresses[0]));
foreach ([$addresses[0], $addresses[1]] as $i => $address) {
    $client = Client::connect($address);
    $client->send("listener $i");
    until(fn (): bool => $client->hasFrame(), $server);
    echo trim($client->text()), "\n";
}
$server->stop(0.0);
var_dump(file_exists($path), $server->addresses());
?>
--EXPECT--
array(0) {
}
int(3)
bool(true)
int(1)
listener 0 127.0.0.1
listener 1
bool(false)
array(0) {
}
