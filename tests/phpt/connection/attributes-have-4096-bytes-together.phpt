--TEST--
All attributes of a connection have at most 4096 bytes; beyond it a ValueError with both sizes, and the old value
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$all = [];
$server = server();
$server->onOpen(function (Connection $connection) use (&$all): void {
    $all[] = $connection;
});
$server->start();
$clients = [Client::connect($server), Client::connect($server)];
waitFor($all, 2, $server);
[$c, $other] = $all;

// A key of one byte and a string of more than 127 bytes cost 7 bytes beside the text.
$c['a'] = str_repeat('a', 4096 - 7);
echo thrown(fn () => $c['b'] = null), "\n";
echo thrown(fn () => $c['a'] = str_repeat('x', 4096 - 6)), "\n";
var_dump($c['a'] === str_repeat('a', 4096 - 7), isset($c['b']));
// The other has its own.
$other['a'] = str_repeat('b', 4096 - 7);
// What is replaced or removed makes room.
$c['a'] = str_repeat('c', 4096 - 7);
$c['a'] = 'short';
$c['b'] = str_repeat('d', 4000);
unset($c['b']);
$c['c'] = range(0, 1000);
echo thrown(fn () => $c['d'] = range(0, 1000)), "\n";
var_dump($c['c'] === range(0, 1000), isset($c['d']));
foreach ([1 << 20, 64 << 20] as $size) {
    echo thrown(fn () => $c['a'] = str_repeat('x', $size)), "\n";
}
echo thrown(fn () => $c['a'] = range(1, 1_000_000)), "\n";
echo thrown(fn () => $c['a'] += 1), "\n";
var_dump($c['a'], $other['a'] === str_repeat('b', 4096 - 7));
// The cost of many small ones is in the limit too.
$other['a'] = 1;
for ($key = 0; thrown(fn () => $other["key $key"] = true) === 'nothing thrown'; ++$key) {
}
var_dump($key > 300 && $key < 400, $other['key 100'], $other['key ' . $key - 1], isset($other["key $key"]));
$server->stop(0.0);
?>
--EXPECT--
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must leave all attributes of the connection within 4096 bytes, with it they would have 4101
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must leave all attributes of the connection within 4096 bytes, with it they would have 4097
bool(true)
bool(false)
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must leave all attributes of the connection within 4096 bytes, with it they would have 5903
bool(true)
bool(false)
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must leave all attributes of the connection within 4096 bytes, with it they would have at least 1048580
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must leave all attributes of the connection within 4096 bytes, with it they would have at least 67108869
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must leave all attributes of the connection within 4096 bytes, with it they would have at least 1000000
TypeError: Unsupported operand types: string + int
string(5) "short"
bool(true)
bool(true)
bool(true)
bool(true)
bool(false)
