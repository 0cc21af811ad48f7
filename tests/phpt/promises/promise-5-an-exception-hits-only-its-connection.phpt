--TEST--
Promise 5: an exception goes to onError, its connection is closed 1011, the server goes on
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$errors = [];
$server = server();
$server->onError(function (\Throwable $error, ?Connection $connection) use (&$errors): void {
    $errors[] = $error->getMessage() . ' / ' . ($connection?->request->path ?? 'no connection');
});
$server->onHandshake(function (Handshake $handshake): void {
    if ($handshake->request->path === '/handshake') {
        throw new \DomainException('secret in handshake');
    }
});
$server->onOpen(function (Connection $connection): void {
    if ($connection->request->path === '/open') {
        throw new \DomainException('in open');
    }
});
$server->onMessage(function (Connection $connection, string $data): void {
    if ($data === 'throw') {
        throw new \Error('in message');
    }
    $connection->send("echo $data");
});
$server->onClose(function (Connection $connection, int $code): void {
    if ($connection->request->path === '/close') {
        throw new \DomainException("in close $code");
    }
});
$server->onStart(fn () => throw new \DomainException('in start'));
$server->onStop(fn () => throw new \DomainException('in stop'));
$server->start();
$server->after(0.0, fn () => throw new \DomainException('in timer'));
until(function () use (&$errors): bool {
    return in_array('in timer / no connection', $errors, true);
}, $server);

$healthy = Client::connect($server, '/healthy');
$refused = Client::ask($server, '/handshake');
var_dump($refused->status, str_contains($refused->body, 'secret'));
echo Client::connect($server, '/open')->closed(), "\n";
$throwing = Client::connect($server, '/message');
$throwing->send('before', 'throw', 'never seen');
echo implode(', ', $throwing->rest()), "\n";
$closing = Client::connect($server, '/close');
$closing->close(1000);
echo $closing->closed(), "\n";
waitFor($errors, 6, $server);

$healthy->send('still here');
echo $healthy->text(), "\n";
$server->stop(0.0);
echo implode("\n", $errors), "\n";
?>
--EXPECT--
int(500)
bool(false)
1011
echo before, 1011
1000
echo still here
in start / no connection
in timer / no connection
secret in handshake / no connection
in open / /open
in message / /message
in close 1000 / /close
in stop / no connection
