--TEST--
onHandshake sees who the client is; accept() keeps that, and what is given comes on top
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Auth\Jwt;
use Ferrite\{Connection, Handshake, Limits};

require __DIR__ . '/../support.inc';
require __DIR__ . '/tokens.inc';

$asked = 0;
$server = server(auth: [new Jwt(secret: str_repeat('x', 32)), new Jwt(secret: SECRET)], limits: new Limits(maxTopics: 2, maxTags: 2));
$server->onHandshake(function (Handshake $handshake) use (&$asked): void {
    ++$asked;
    match ($handshake->request->path) {
        '/neither' => var_dump($handshake->identity),
        '/plain' => $handshake->accept(),
        '/more' => $handshake->accept('bob', ['lobby', 'news'], ['lang' => 'EN', 'more' => 1]),
        '/reject' => $handshake->reject(403),
        '/too-many' => printf(
            "%s\n%s\n",
            thrown(fn () => $handshake->accept(topics: ['b', 'c'])),
            thrown(fn () => $handshake->accept(tags: ['b' => 1, 'c' => 1])),
        ),
    };
    echo str_contains($handshake->request->queryString, 'eyJ') ? "the token is in sight\n" : '';
});
$opened = 0;
$server->onOpen(function (Connection $connection) use (&$opened): void {
    ++$opened;
    echo json_encode([$connection->user, $connection->topics(), $connection->tags()]), "\n";
});
$server->start();
$token = token(['sub' => 'ann', 'exp' => 4102444800, 'topics' => ['lobby'], 'tags' => ['lang' => 'FR'], 'roles' => [['a' => 1.5], null]]);
foreach (['/neither', '/plain', '/more', '/too-many'] as $i => $path) {
    $client = Client::connect($server, "$path?token=$token");
    waitFor($opened, $i + 1, $server);
}
echo Client::ask($server, "/reject?token=$token")->status, "\n";
// Who is nobody never reaches the callback.
echo Client::ask($server, '/plain')->status, " $asked\n";
// A handler that is gone when its client's turn comes accepts as the token says.
$server->stop(0.0);

$server = server();
$server->onHandshake(function (Handshake $handshake) use (&$asked): void {
    var_dump($handshake->identity);
});
$server->start();
Client::connect($server);
$server->stop(0.0);
?>
--EXPECTF--
object(Ferrite\Auth\Identity)#%d (4) {
  ["user"]=>
  string(3) "ann"
  ["topics"]=>
  array(1) {
    [0]=>
    string(5) "lobby"
  }
  ["tags"]=>
  array(1) {
    ["lang"]=>
    string(2) "FR"
  }
  ["claims"]=>
  array(5) {
    ["sub"]=>
    string(3) "ann"
    ["exp"]=>
    int(4102444800)
    ["topics"]=>
    array(1) {
      [0]=>
      string(5) "lobby"
    }
    ["tags"]=>
    array(1) {
      ["lang"]=>
      string(2) "FR"
    }
    ["roles"]=>
    array(2) {
      [0]=>
      array(1) {
        ["a"]=>
        float(1.5)
      }
      [1]=>
      NULL
    }
  }
}
["ann",["lobby"],{"lang":"FR"}]
["ann",["lobby"],{"lang":"FR"}]
["bob",["lobby","news"],{"lang":"EN","more":1}]
ValueError: A connection may have at most 2 topics (Limits::$maxTopics)
ValueError: A connection may have at most 2 tags (Limits::$maxTags)
["ann",["lobby"],{"lang":"FR"}]
403
401 5
NULL
