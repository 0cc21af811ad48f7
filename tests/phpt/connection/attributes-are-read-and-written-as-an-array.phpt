--TEST--
Attributes: every plain value comes back as it was, with the order, keys and types of arrays; isset, unset, ??
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$c = null;
$server = server();
$server->onOpen(function (Connection $connection) use (&$c): void {
    $c = $connection;
});
$server->start();
$client = Client::connect($server);
waitFor($c, 1, $server);
var_dump($c instanceof \ArrayAccess);

$holes = [1, 2, 3];
unset($holes[1]);
$shared = 'shared';
$values = [
    null, true, false, 0, 1, -1, 63, 64, -64, -65, PHP_INT_MAX, PHP_INT_MIN, 0.0, -0.0, 0.1, INF, -INF, PHP_FLOAT_EPSILON,
    '', 'a', "\u{20ac}", "\0\xff\x80", str_repeat('x', 2000), '12', [], [[]], [1, 'two', 3.0, null, false],
    ['a' => 1, 'b' => ['c' => [true]]], $holes, [5 => 'five', -3 => 'minus', 'x' => 'y', "\xff\0" => 'bytes', '' => 'empty'],
    ['z' => 1, 'a' => 2, 'm' => 3], range(0, 200), ['reference' => &$shared, 'again' => &$shared],
];
foreach ($values as $number => $value) {
    $c['value'] = $value;
    $read = $c['value'];
    if ($read !== $value || serialize($read) !== str_replace('R:2', 's:6:"shared"', serialize($value))) {
        echo "value $number is another: ";
        var_dump($read);
    }
}
// Its text says more than ===: -0.0 is no 0.0.
$c['value'] = [-0.0, NAN];
echo json_encode(var_export($c['value'], true)), "\n";
// What is kept is the value, not the variable.
$shared = 'changed';
$c['value'] = ['reference' => &$shared];
$shared = 'later';
echo $c['value']['reference'], "\n";
// The next key of an array is what it was.
$c['value'] = [3 => 'a', 'x' => 'b'];
$array = $c['value'];
$array[] = 'c';
echo json_encode($array), "\n";

var_dump(isset($c['cart']), $c['cart'] ?? 'none', empty($c['cart']));
$c['cart'] = ['a' => 1, 'zero' => 0];
var_dump(isset($c['cart']), isset($c['cart']['a']), isset($c['cart']['b']), $c['cart']['a'] ?? 'none', $c['cart']['b'] ?? 'none');
var_dump(empty($c['cart']), empty($c['cart']['zero']));
['cart' => $cart, 'value' => $value] = $c;
echo json_encode([$cart, $value]), "\n";
$c['count'] = 1;
$c['count'] += 41;
$c['text'] = 'a';
$c['text'] .= 'b';
$c['first'] ??= 'set';
$c['first'] ??= 'not again';
echo json_encode([$c['count'], $c['text'], $c['first'], $c['chain'] = 'result']), "\n";
// Null is a value, and isset() says of it what it says of an array's.
$c['null'] = null;
var_dump(isset($c['null']), $c['null'], $c['null'] ?? 'default');
unset($c['cart'], $c['cart'], $c['never']);
var_dump(isset($c['cart']), $c->offsetExists('count'), $c->offsetGet('count'));
// Another connection has its own.
$first = $c;
$c = null;
$other = Client::connect($server);
waitFor($c, 1, $server);
var_dump(isset($c['count']), $first['count']);
// $data is something else.
$first->data = ['count' => 7];
var_dump($first['count'], $first->data['count']);
$server->stop(0.0);
?>
--EXPECT--
bool(true)
"array (\n  0 => -0.0,\n  1 => NAN,\n)"
changed
{"3":"a","x":"b","4":"c"}
bool(false)
string(4) "none"
bool(true)
bool(true)
bool(true)
bool(false)
int(1)
string(4) "none"
bool(false)
bool(true)
[{"a":1,"zero":0},{"3":"a","x":"b"}]
[42,"ab","set","result"]
bool(false)
NULL
string(7) "default"
bool(false)
bool(true)
int(42)
bool(false)
int(42)
int(42)
int(7)
