--TEST--
Values of attributes: no object, closure or resource anywhere, 16 levels of arrays, no array that contains itself
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{CloseCode, Connection};

require __DIR__ . '/../support.inc';

$c = null;
$server = server();
$server->onOpen(function (Connection $connection) use (&$c): void {
    $c = $connection;
});
$server->start();
$client = Client::connect($server);
waitFor($c, 1, $server);

function levels(int $count): mixed
{
    return $count === 0 ? 'inside' : ['x' => levels($count - 1)];
}

$c['a'] = 'old';
$closed = fopen('php://memory', 'r');
fclose($closed);
foreach ([new \stdClass(), fn () => 1, CloseCode::Normal, $c, STDIN, $closed] as $value) {
    echo thrown(fn () => $c['a'] = $value), "\n";
}
foreach ([[new \stdClass()], ['list' => [1, ["\xff" => new class () {}]]], [1, 2, [STDIN]], [str_repeat('k', 100) => $c]] as $value) {
    echo thrown(fn () => $c['a'] = $value), "\n";
}

$itself = ['x' => 1];
$itself['again'] = &$itself;
$twice = [];
$twice[] = [&$twice, &$twice];
foreach ([levels(17), $itself, $twice] as $value) {
    echo thrown(fn () => $c['a'] = $value), "\n";
}
// Nothing of it was set.
var_dump($c['a']);
$c['a'] = levels(16);
var_dump($c['a'] === levels(16));

// One array many times over would be a thousand million million ones.
$many = [];
for ($level = 0; $level < 15; ++$level) {
    $many = array_fill(0, 1000, $many);
}
$before = hrtime(true);
echo thrown(fn () => $c['a'] = $many), "\n";
var_dump(hrtime(true) - $before < patience(1) * 1e9);

unset($itself['again'], $itself, $twice[0], $twice);
$server->stop(0.0);
?>
--EXPECTF--
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be of type null|bool|int|float|string|array, stdClass given
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be of type null|bool|int|float|string|array, Closure given
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be of type null|bool|int|float|string|array, Ferrite\CloseCode given
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be of type null|bool|int|float|string|array, Ferrite\Connection given
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be of type null|bool|int|float|string|array, resource given
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be of type null|bool|int|float|string|array, resource given
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be an array of null, bools, ints, floats, strings and arrays, stdClass given at [0]
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be an array of null, bools, ints, floats, strings and arrays, class@anonymous given at ["list"][1]["\xff"]
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be an array of null, bools, ints, floats, strings and arrays, resource given at [2][0]
TypeError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must be an array of null, bools, ints, floats, strings and arrays, Ferrite\Connection given at ["kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"]
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must not have more than 16 levels of arrays, nor an array that contains itself
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must not have more than 16 levels of arrays, nor an array that contains itself
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must not have more than 16 levels of arrays, nor an array that contains itself
string(3) "old"
bool(true)
ValueError: Ferrite\Connection::offsetSet(): Argument #2 ($value) must leave all attributes of the connection within 4096 bytes, with it they would have at least %d
bool(true)
