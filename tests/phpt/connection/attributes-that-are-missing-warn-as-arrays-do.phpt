--TEST--
Reading an attribute that is not there is null, with the warning of arrays; isset and ?? are silent
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

$warnings = [];
set_error_handler(function (int $level, string $message, string $file, int $line) use (&$warnings): bool {
    $warnings[] = [$level === E_WARNING, $message, $file === __FILE__, $line];

    return true;
});
$array = [];
foreach (['x', '7', 7, -7, '07', '-0', '', "\u{e9}", str_repeat('k', 65), "\xff"] as $key) {
    $warnings = [];
    $result = [$c[$key], $array[$key]][0]; // one line for both
    $same = count($warnings) === 2 && $warnings[0] === $warnings[1] && $result === null;
    echo $same ? $warnings[0][1] : json_encode($warnings, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
}
$warnings = [];
var_dump(isset($c['x']), $c['x'] ?? 'default', empty($c['x']), isset($c['x']['y']), $c['x']['y'] ?? 'default', $warnings);
unset($c['x']);
var_dump($warnings);

// A handler that throws, or that sets the attribute.
set_error_handler(fn (int $level, string $message) => throw new \ErrorException($message));
echo thrown(fn () => $c['x']), "\n";
set_error_handler(function () use ($c): bool {
    $c['x'] = 'set meanwhile';

    return true;
});
var_dump($c['x'], $c['x']);
restore_error_handler();
restore_error_handler();
restore_error_handler();
var_dump(@$c['y']);
ini_set('display_errors', '1');
var_dump($c['y']);
$server->stop(0.0);
?>
--EXPECTF--
Undefined array key "x"
Undefined array key 7
Undefined array key 7
Undefined array key -7
Undefined array key "07"
Undefined array key "-0"
Undefined array key ""
Undefined array key "é"
Undefined array key "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
Undefined array key "%s"
bool(false)
string(7) "default"
bool(true)
bool(false)
string(7) "default"
array(0) {
}
array(0) {
}
ErrorException: Undefined array key "x"
NULL
string(13) "set meanwhile"
NULL

Warning: Undefined array key "y" in %s on line %d
NULL
