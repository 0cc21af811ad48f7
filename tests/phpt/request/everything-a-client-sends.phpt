--TEST--
Request: path, query, headers, cookies and protocols, decoded as PHP does
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$request = null;
$server = server();
$server->onHandshake(function (Handshake $handshake) use (&$request): void {
    $request = $handshake->request;
});
$same = null;
$server->onOpen(function (Connection $connection) use (&$same): void {
    $same = $connection->request;
});
$server->start();
$client = Client::connect($server, '/a%20path/x?name=J%C3%B6rg+B&list[]=1&list[]=2&map[k]=v&a.b=dot&empty=&flag', [
    'X-Single' => 'one',
    'X-Several' => ['one', 'two, three'],
    'X-Bytes' => "\xff\xfe",
    'Cookie' => 'session=a%3Db%20c; other=2; session=second; weird=a=b',
    'Sec-WebSocket-Protocol' => ['a, b', 'c'],
]);
waitFor($same, 1, $server);
echo $request->path, "\n", $request->queryString, "\n", $request->remoteAddress, "\n";
var_dump($request->secure);
echo json_encode($request->query()), "\n", json_encode($request->cookies()), "\n", json_encode($request->protocols()), "\n";
echo $request->header('x-single'), ' ', $request->header('X-SINGLE'), ' ', $request->header('X-Several'), ' ', bin2hex($request->header('x-bytes')), "\n";
var_dump($request->header('x-none'), $request->header(''), $request->headers()['x-several']);
var_dump($request->headers()['host'] === [$server->addresses()[0]], $request->path === $same->path);
foreach (['path', 'queryString', 'remoteAddress', 'secure'] as $name) {
    echo thrownClass(fn () => $request->$name = 'x'), ' ';
}
echo "\n";
$client = Client::connect($server, '/');
until(function () use (&$request): bool {
    return $request->path === '/';
}, $server);
var_dump($request->queryString, $request->query(), $request->cookies(), $request->protocols());
$server->stop(0.0);
?>
--EXPECT--
/a%20path/x
name=J%C3%B6rg+B&list[]=1&list[]=2&map[k]=v&a.b=dot&empty=&flag
127.0.0.1
bool(false)
{"name":"J\u00f6rg B","list":["1","2"],"map":{"k":"v"},"a_b":"dot","empty":"","flag":""}
{"session":"a=b c","other":"2","weird":"a=b"}
["a","b","c"]
one one one, two, three fffe
NULL
NULL
array(2) {
  [0]=>
  string(3) "one"
  [1]=>
  string(10) "two, three"
}
bool(true)
bool(true)
Error Error Error Error 
string(0) ""
array(0) {
}
array(0) {
}
array(0) {
}
