--TEST--
A connection is closed with 3000 when its token expires, unless that is switched off
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Auth\Jwt;
use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';
require __DIR__ . '/tokens.inc';

// Its time is over, the leeway is not for another moment.
$over = fn (int $leeway): string => token(['exp' => time() - $leeway + 2]);
foreach (['without' => false, 'with'  => true] as $name => $handshake) {
    $server = server(auth: new Jwt(secret: SECRET, leeway: 500.0));
    if ($handshake) {
        $server->onHandshake(fn (Handshake $handshake) => $handshake->accept('ann'));
    }
    $closed = null;
    $server->onClose(function (Connection $connection, int $code, string $reason) use (&$closed): void {
        $closed = [$code, $reason];
    });
    $server->start();
    $client = Client::connect($server, '/?token=' . $over(500));
    $kept = Client::connect($server, '/?token=' . $over(400));
    echo "$name: ", $client->closed(), "\n";
    waitFor($closed, 2, $server);
    echo json_encode($closed), ' ', $server->count(), ' ', $server->stats()['ferrite_tokens_expired_total'], "\n";
    $server->stop(0.0);
}

$server = server(auth: new Jwt(secret: SECRET, leeway: 500.0, closeOnExpiry: false));
$server->onMessage(fn (Connection $from, string $data) => $from->send($data));
$server->start();
$client = Client::connect($server, '/?token=' . token(['exp' => time() - 498]));
$end = time() + 4;
until(fn () => time() >= $end, $server);
$client->send('still here');
echo $client->text(), "\n";
$server->stop(0.0);
?>
--EXPECT--
without: 3000 the token has expired
[3000,"the token has expired"] 1 1
with: 3000 the token has expired
[3000,"the token has expired"] 1 1
still here
