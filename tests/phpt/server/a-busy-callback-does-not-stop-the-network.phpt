--TEST--
While PHP is busy in a callback, clients are accepted and pings are answered; every message comes afterwards
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits};

require __DIR__ . '/../support.inc';

$got = [];
$server = server(limits: new Limits(receiveMessages: 4));
$server->onMessage(function (Connection $connection, string $data) use (&$got): void {
    $got[$connection->request->path][] = $data;
    if ($data === 'be busy') {
        // Clients are strangers here: addressed, not polled for, so the server's PHP thread is really busy.
        [$address] = $GLOBALS['server']->addresses();
        $other = Client::connect($address, '/other');
        $other->ping('are you there');
        $bytes = '';
        while ($bytes === '') {
            $bytes = fread($other->socket, 100);
        }
        echo 'pong: ', substr($bytes, 2), "\n";
        $other->send(...array_map(strval(...), range(0, 199)));
        $GLOBALS['other'] = $other;
    }
});
$server->start();
$client = Client::connect($server, '/busy');
$client->send('be busy');
until(function () use (&$got): bool {
    return count($got['/other'] ?? []) === 200;
}, $server);
var_dump($got['/other'] === array_map(strval(...), range(0, 199)));
$server->stop(0.0);
?>
--EXPECT--
pong: are you there
bool(true)
