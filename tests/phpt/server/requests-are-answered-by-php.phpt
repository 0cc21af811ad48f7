--TEST--
onRequest() answers what does not ask for a WebSocket; WebSockets, health and metrics are served beside it
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Request, Response};

require __DIR__ . '/../support.inc';

$server = server(health: '/health', metrics: '/metrics');
$plain = ['Upgrade' => [], 'Connection' => []];
$ask = function (string $target, array $headers = []) use ($server, $plain): void {
    $answer = Client::ask($server, $target, $headers + $plain);
    echo $answer->status, ' ', $answer->headers['content-type'][0] ?? '-', ' ', json_encode($answer->body), "\n";
};
$errors = [];
$server->onMessage(fn (Connection $from, string $data) => $from->send("$data by " . $from->request->method . $from->request->body()));
$server->start();
echo "before:\n";
$ask('/');
echo "with it:\n";
$server->onRequest(function (Request $request): mixed {
    return match ($request->path) {
        '/text' => "{$request->method} {$request->queryString}",
        '/json' => Response::json($request->query(), 202),
        '/throw' => throw new \LogicException('on purpose'),
        '/half' => (new \ReflectionClass(Response::class))->newInstanceWithoutConstructor(),
        '/forged' => unserialize('O:16:"Ferrite\Response":3:{s:4:"body";s:0:"";s:6:"status";i:200;s:7:"headers";a:1:{s:1:"X";s:4:"a' . "\r\n" . 'b";}}'),
        '/list' => [1],
        '/bool' => true,
        default => null,
    };
});
$server->onError(function (\Throwable $error, ?Connection $connection) use (&$errors): void {
    $errors[] = $error::class . ': ' . $error->getMessage() . ($connection === null ? '' : ' of a client');
});
foreach (['/text?a', '/json?a[]=1', '/throw', '/half', '/forged', '/list', '/bool', '/nothing', '/health', '/health/nothing'] as $target) {
    $ask($target);
}
echo Client::ask($server, '/metrics', $plain)->status, "\n";
$client = Client::connect($server, '/text');
$client->send('hi');
echo $client->text(), "\n";
echo "a handshake that is wrong is not a request: ", Client::ask($server, '/text', ['Sec-WebSocket-Version' => '8'])->status, "\n";
echo implode("\n", $errors), "\n";
$server->stop(0.0);
?>
--EXPECT--
before:
426 text/plain; charset=utf-8 "this is a WebSocket endpoint; a proxy in between has to pass Upgrade and Connection on\n"
with it:
200 text/plain; charset=utf-8 "GET a"
202 application/json "{\"a\":[\"1\"]}"
500 text/plain; charset=utf-8 ""
500 text/plain; charset=utf-8 ""
500 text/plain; charset=utf-8 ""
500 text/plain; charset=utf-8 ""
500 text/plain; charset=utf-8 ""
404 text/plain; charset=utf-8 "Not Found\n"
200 application/json "{\"status\":\"ok\"}\n"
404 text/plain; charset=utf-8 "Not Found\n"
200
hi by GET
a handshake that is wrong is not a request: 426
LogicException: on purpose
TypeError: The callback of onRequest must return Ferrite\Response, string or null, another object returned
TypeError: The callback of onRequest must return Ferrite\Response, string or null, another object returned
TypeError: The callback of onRequest must return Ferrite\Response, string or null, array returned
TypeError: The callback of onRequest must return Ferrite\Response, string or null, bool returned
