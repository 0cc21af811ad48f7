--TEST--
stats() are numbers named ferrite_…
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server();
$check = function () use ($server): void {
    $stats = $server->stats();
    foreach ($stats as $name => $value) {
        if (preg_match('/^ferrite_[a-z0-9_]+(\{[^}]*\})?$/D', (string) $name) !== 1 || !is_int($value) && !is_float($value)) {
            echo $name, ' => ', var_export($value, true), "\n";
        }
    }
    var_dump(count($stats) > 3);
};
$server->onMessage(fn (Connection $connection, string $data) => $connection->send($data));
$check();
$server->start();
$before = $server->stats();
$client = Client::connect($server);
for ($i = 0; $i < 10; ++$i) {
    $client->send('hello');
    $client->text();
}
$check();
// The counters have counted something, and no name comes and goes.
$after = $server->stats();
var_dump(array_keys($before) === array_keys($after), $before != $after);
$server->stop(0.0);
$check();
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
