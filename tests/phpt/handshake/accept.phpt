--TEST--
accept() gives a user, topics, tags, a protocol and headers
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$server = server(protocols: ['served']);
$server->onHandshake(function (Handshake $handshake): void {
    match ($handshake->request->path) {
        '/all' => $handshake->accept('ann', ['lobby', 'news', 'lobby'], ['lang' => 'FR'], 'offered', ['X-One' => '1', 'X-Two' => ['a', 'b']]),
        '/named' => $handshake->accept(headers: ['Set-Cookie' => ['a=1', 'b=2; HttpOnly']]),
        '/neither' => null,
    };
});
$opened = 0;
$server->onOpen(function (Connection $connection) use ($server, &$opened): void {
    ++$opened;
    $topics = $connection->topics();
    sort($topics);
    echo json_encode([$connection->user, $connection->protocol, $topics, $connection->tags()]), ' ', $server->publish('lobby', 'published'), "\n";
});
$server->start();
$offer = ['Sec-WebSocket-Protocol' => ['first, offered', 'served']];
$all = $client = Client::connect($server, '/all', $offer);
echo $client->text(), ' ', $client->headers['sec-websocket-protocol'][0], ' ', $client->headers['x-one'][0], ' ', json_encode($client->headers['x-two']), "\n";
$named = $client = Client::connect($server, '/named', $offer);
waitFor($opened, 2, $server);
echo $client->headers['sec-websocket-protocol'][0], ' ', json_encode($client->headers['set-cookie']), "\n";
$client = Client::connect($server, '/neither');
waitFor($opened, 3, $server);
echo json_encode($client->headers['sec-websocket-protocol'] ?? null), "\n";
$server->stop(0.0);
?>
--EXPECT--
["ann","offered",["lobby","news"],{"lang":"FR"}] 1
published offered 1 ["a","b"]
[null,"served",[],[]] 1
served ["a=1","b=2; HttpOnly"]
[null,null,[],[]] 1
null
