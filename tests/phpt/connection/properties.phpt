--TEST--
A connection is one object, its properties are readonly, $data is the application's
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$objects = [];
$server = server(protocols: ['chat.v2', 'chat.v1']);
$server->onHandshake(fn (Handshake $handshake) => $handshake->accept(user: 'ann'));
$remember = function (Connection $connection) use (&$objects): void {
    $objects[] = $connection;
    $connection->data['calls'] = ($connection->data['calls'] ?? 0) + 1;
};
$server->onOpen($remember)->onMessage($remember)->onClose($remember);
$server->start();
$client = Client::connect($server, '/path?x=1', ['Sec-WebSocket-Protocol' => 'chat.v1, chat.v2']);
waitFor($objects, 1, $server);
$first = $objects[0];
var_dump($first->data, is_int($first->id) && $first->id > 0, $first->user, $first->protocol, $first->remoteAddress);
var_dump($first->request === $first->request, $first->request->path, $first->isOpen(), $first->bufferedAmount(), $first->topics());
foreach (['id' => 1, 'request' => null, 'user' => 'x', 'protocol' => 'x', 'remoteAddress' => 'x', 'unknown' => 1] as $name => $value) {
    echo thrownClass(fn () => $first->$name = $value), ' ';
}
var_dump($first->user, $first->remoteAddress);
$client->send('hello');
$client->close();
waitFor($objects, 3, $server);
var_dump($objects === [$first, $first, $first], $first->data, $first->isOpen(), $first->user);
$second = Client::connect($server);
waitFor($objects, 4, $server);
var_dump($objects[3]->id !== $first->id, $objects[3]->data, $objects[3]->protocol);
$server->stop(0.0);
?>
--EXPECT--
array(1) {
  ["calls"]=>
  int(1)
}
bool(true)
string(3) "ann"
string(7) "chat.v1"
string(9) "127.0.0.1"
bool(true)
string(5) "/path"
bool(true)
int(0)
array(0) {
}
Error Error Error Error Error Error string(3) "ann"
string(9) "127.0.0.1"
bool(true)
array(1) {
  ["calls"]=>
  int(3)
}
bool(false)
string(3) "ann"
bool(true)
array(1) {
  ["calls"]=>
  int(1)
}
NULL
