--TEST--
Audience::subscribe() leaves out whom a rule refuses; a rule that is not caught closes with 3003
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$server = server();
$server->onHandshake(fn (Handshake $handshake) => $handshake->accept(user: $handshake->request->query()['name'], topics: ['vip.begun-with']));
$server->onSubscribe('vip.{room}', fn (Connection $connection, string $topic, array $p): bool => $connection->user !== 'bob' && $p['room'] !== 'closed');
$opened = [];
$server->onOpen(function (Connection $connection) use (&$opened): void {
    $opened[] = $connection;
});
$server->onMessage(fn (Connection $from, string $data) => $from->subscribe($data));
$closed = [];
$server->onClose(function (Connection $connection, int $code, string $reason) use (&$closed): void {
    $closed[] = "$connection->user $code $reason";
});
$errors = [];
$server->onError(function (\Throwable $error, ?Connection $connection) use (&$errors): void {
    $errors[] = $error::class . ' ' . $connection?->user;
});
$server->start();
foreach (['ann', 'bob', 'cid'] as $i => $name) {
    $clients[$name] = Client::connect($server, "/?name=$name");
    waitFor($opened, $i + 1, $server);
}
echo $server->to()->subscribe('vip.1'), ' ', $server->to()->topic('vip.1')->count(), "\n";
echo $server->to()->subscribe('lobby', 'vip.2'), ' ', $server->to()->topic('lobby')->count(), "\n";
echo $server->to()->subscribe('lobby'), ' ', $server->to()->subscribe('vip.closed'), ' ', $server->to()->user('nobody')->subscribe('vip.1'), "\n";
echo $server->to()->topic('vip.begun-with')->count(), "\n";
// A rule that throws ends the call; one that closes connections meanwhile does not.
$server->onSubscribe('throws', fn () => throw new \DomainException('of the rule'));
echo thrown(fn () => $server->to()->subscribe('throws')), "\n";

$clients['bob']->send('vip.3');
echo $clients['bob']->closed(), "\n";
waitFor($closed, 1, $server);
$server->onSubscribe('closing', function (Connection $connection) use ($server): bool {
    $server->to()->close();

    return true;
});
$server->to()->subscribe('closing');
echo $server->to()->topic('closing')->count(), "\n";
waitFor($closed, 3, $server);
sort($closed);
echo implode(', ', $closed), ' | ', implode(', ', $errors), "\n";
$server->stop(0.0);
?>
--EXPECT--
2 2
2 2
3 0 0
3
DomainException: of the rule
3003 not authorised
0
ann 1000 , bob 3003 not authorised, cid 1000  | Ferrite\Auth\ForbiddenException bob
