--TEST--
Keys of attributes: 1 to 64 bytes of UTF-8; an int is its decimal text; other types and no key at all throw
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

$c['k'] = 'one byte';
$c[str_repeat("\u{e4}", 32)] = '64 bytes';
$c["a\0b\n"] = 'any character';
$c[7] = 'seven';
$c[-7] = 'minus seven';
$c[PHP_INT_MIN] = 'least';
$c['07'] = 'a text';
var_dump($c['k'], $c[str_repeat("\u{e4}", 32)], $c["a\0b\n"], isset($c['a']));
var_dump($c['7'], $c['-7'], $c[(string) PHP_INT_MIN], $c['07']);
$c['7'] = 'the same';
var_dump($c[7]);

foreach (['', str_repeat('k', 65), str_repeat("\u{e4}", 33), "\xff", "a\xc3"] as $key) {
    echo thrown(fn () => $c[$key] = 1), "\n";
    // No attribute has it: that is no error.
    var_dump(isset($c[$key]), $c[$key] ?? 'none');
    unset($c[$key]);
}
echo thrown(fn () => $c[] = 1), "\n";
foreach ([null, true, 1.5, [], new \stdClass(), STDIN] as $key) {
    foreach ([fn () => $c[$key] = 1, fn () => $c[$key], fn () => isset($c[$key]), function () use ($c, $key): void { unset($c[$key]); }] as $use) {
        echo thrownClass($use), ' ';
    }
    echo thrown(fn () => $c->offsetGet($key)), "\n";
}
$server->stop(0.0);
?>
--EXPECT--
string(8) "one byte"
string(8) "64 bytes"
string(13) "any character"
bool(false)
string(5) "seven"
string(11) "minus seven"
string(5) "least"
string(6) "a text"
string(8) "the same"
ValueError: Ferrite\Connection::offsetSet(): Argument #1 ($offset) must be 1 to 64 bytes of UTF-8, "" given
bool(false)
string(4) "none"
ValueError: Ferrite\Connection::offsetSet(): Argument #1 ($offset) must be 1 to 64 bytes of UTF-8, "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" given
bool(false)
string(4) "none"
ValueError: Ferrite\Connection::offsetSet(): Argument #1 ($offset) must be 1 to 64 bytes of UTF-8, "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3" given
bool(false)
string(4) "none"
ValueError: Ferrite\Connection::offsetSet(): Argument #1 ($offset) must be 1 to 64 bytes of UTF-8, "\xff" given
bool(false)
string(4) "none"
ValueError: Ferrite\Connection::offsetSet(): Argument #1 ($offset) must be 1 to 64 bytes of UTF-8, "a\xc3" given
bool(false)
string(4) "none"
TypeError: Ferrite\Connection::offsetSet(): Argument #1 ($offset) must be of type string|int, null given; an attribute cannot be added without a key
TypeError TypeError TypeError TypeError TypeError: Ferrite\Connection::offsetGet(): Argument #1 ($offset) must be of type string|int, null given
TypeError TypeError TypeError TypeError TypeError: Ferrite\Connection::offsetGet(): Argument #1 ($offset) must be of type string|int, bool given
TypeError TypeError TypeError TypeError TypeError: Ferrite\Connection::offsetGet(): Argument #1 ($offset) must be of type string|int, float given
TypeError TypeError TypeError TypeError TypeError: Ferrite\Connection::offsetGet(): Argument #1 ($offset) must be of type string|int, array given
TypeError TypeError TypeError TypeError TypeError: Ferrite\Connection::offsetGet(): Argument #1 ($offset) must be of type string|int, stdClass given
TypeError TypeError TypeError TypeError TypeError: Ferrite\Connection::offsetGet(): Argument #1 ($offset) must be of type string|int, resource given
