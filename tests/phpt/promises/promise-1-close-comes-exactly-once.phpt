--TEST--
Promise 1: close comes exactly once for every open, whatever happened
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits};

require __DIR__ . '/../support.inc';

$opened = $closed = [];
$server = server(limits: new Limits(maxMessageSize: 100, closeTimeout: 0.2));
$server->onError(fn () => null);
$server->onOpen(function (Connection $connection) use (&$opened): void {
    $opened[] = $connection->data = $connection->request->path;
});
$server->onMessage(function (Connection $connection, string $data): void {
    match ($data) {
        'close' => $connection->close(4000, 'by the server'),
        'throw' => throw new \Exception('by a callback'),
    };
});
$server->onClose(function (Connection $connection, int $code) use (&$closed): void {
    $closed[$connection->data][] = $code;
});
$server->start();

$endings = [
    '/client-closes' => fn (Client $client) => $client->close(1000),
    '/client-closes-without-code' => fn (Client $client) => $client->write(Client::frame(Client::CLOSE, '')),
    '/client-vanishes' => fn (Client $client) => $client->vanish(),
    '/server-closes' => function (Client $client): void {
        $client->send('close');
        $client->closed();
    },
    '/callback-throws' => function (Client $client): void {
        $client->send('throw');
        $client->closed();
    },
    '/protocol-is-broken' => fn (Client $client) => $client->write("\x81\x02hi"),
    '/text-is-not-utf8' => fn (Client $client) => $client->send("\xff"),
    '/message-is-too-big' => fn (Client $client) => $client->send(str_repeat('x', 101)),
    '/fragment-is-left' => function (Client $client): void {
        $client->write(Client::frame(Client::TEXT, 'half', false));
        $client->vanish();
    },
    '/server-stops' => fn (Client $client) => null,
];
$clients = [];
foreach ($endings as $path => $end) {
    $clients[$path] = Client::connect($server, $path);
    $end($clients[$path]);
}
until(function () use (&$closed, &$endings): bool {
    return count($closed) >= count($endings) - 1;
}, $server);
$server->stop(0.0);

var_dump(array_diff(array_keys($endings), $opened), count($opened) === count($endings));
foreach ($endings as $path => $end) {
    // At once, so the last client could not answer: both codes would be true.
    echo $path, ' ', $path === '/server-stops' ? count($closed[$path]) : implode(' and ', $closed[$path]), "\n";
}
?>
--EXPECT--
array(0) {
}
bool(true)
/client-closes 1000
/client-closes-without-code 1005
/client-vanishes 1006
/server-closes 4000
/callback-throws 1011
/protocol-is-broken 1002
/text-is-not-utf8 1007
/message-is-too-big 1009
/fragment-is-left 1006
/server-stops 1
