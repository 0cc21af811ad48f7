--TEST--
reject() answers a status, a body and headers; no open and no close callback follows
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Handshake;

require __DIR__ . '/../support.inc';

$server = server();
$server->onHandshake(function (Handshake $handshake): void {
    match ($handshake->request->path) {
        '/default' => $handshake->reject(),
        '/all' => $handshake->reject(429, "slow down, \u{1F600}", ['Retry-After' => '3', 'X-Two' => ['a', 'b']]),
        '/json' => $handshake->reject(401, '{}', ['Content-Type' => 'application/json', 'WWW-Authenticate' => 'Basic']),
        '/redirect' => $handshake->reject(307, headers: ['Location' => 'https://other.example/']),
    };
});
$server->onOpen(fn () => print("open\n"))->onClose(fn () => print("close\n"));
$server->start();
foreach (['/default', '/all', '/json', '/redirect'] as $path) {
    $client = Client::ask($server, $path);
    echo $client->status, ' [', $client->body, '] ', $client->headers['content-type'][0] ?? 'no type', ' ', json_encode(array_intersect_key(
        $client->headers,
        ['retry-after' => 1, 'x-two' => 1, 'www-authenticate' => 1, 'location' => 1],
    ), JSON_UNESCAPED_SLASHES), "\n";
    var_dump($client->ended());
}
var_dump($server->count());
$server->stop(0.0);
?>
--EXPECTF--
403 [] %s []
bool(true)
429 [slow down, 😀] text/plain; charset=utf-8 {"retry-after":["3"],"x-two":["a","b"]}
bool(true)
401 [{}] application/json {"www-authenticate":["Basic"]}
bool(true)
307 [] %s {"location":["https://other.example/"]}
bool(true)
int(0)
