--TEST--
What a handshake is answered may be as large as may wait for a client: more is a ValueError that names the option
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Handshake, Limits};

require __DIR__ . '/../support.inc';

$server = server(limits: new Limits(sendBuffer: 10_000));
$server->onHandshake(function (Handshake $handshake): void {
    $large = str_repeat('x', 6_000);
    $tries = [
        fn () => $handshake->reject(403, str_repeat('x', 10_001)),
        fn () => $handshake->reject(403, $large, ['X-Large' => $large]),
        fn () => $handshake->reject(403, headers: ['X-Large' => [$large, $large]]),
        fn () => $handshake->accept(headers: ['X-Large' => [$large, $large]]),
    ];
    foreach ($tries as $try) {
        try {
            $try();
        } catch (\ValueError $error) {
            echo $error->getMessage(), "\n";
        }
    }
    // Still open to an answer that fits.
    $handshake->reject(403, str_repeat('x', 10_000));
});
$server->start();
$client = Client::ask($server, '/');
var_dump($client->status, strlen($client->body));
$server->stop(0.0);
?>
--EXPECT--
Ferrite\Handshake::reject(): Argument #2 ($body) must be at most 10000 bytes with the body and the headers (limits.sendBuffer), 10001 given
Ferrite\Handshake::reject(): Argument #3 ($headers) must be at most 10000 bytes with the body and the headers (limits.sendBuffer), 12011 given
Ferrite\Handshake::reject(): Argument #3 ($headers) must be at most 10000 bytes with the body and the headers (limits.sendBuffer), 12022 given
Ferrite\Handshake::accept(): Argument #5 ($headers) must be at most 10000 bytes with the body and the headers (limits.sendBuffer), 12022 given
int(403)
int(10000)
