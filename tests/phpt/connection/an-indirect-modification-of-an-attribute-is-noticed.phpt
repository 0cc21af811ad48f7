--TEST--
What would change a copy of an attribute changes nothing and is not silently lost: PHP's own notice
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

set_error_handler(function (int $level, string $message): bool {
    echo match ($level) {
        E_NOTICE => 'Notice',
        E_WARNING => 'Warning',
    }, ": $message\n";

    return true;
});
$c['a'] = ['b' => 1, 'list' => [1]];
$c['n'] = 1;
$c['a']['b'] = 2;
$c['a']['list'][] = 2;
unset($c['a']['b']);
$c['n']++;
$reference = &$c['a'];
$reference['b'] = 3;
foreach ($c['a']['list'] as &$item) {
    $item = 9;
}
unset($item, $reference);
$c['new']['b'] = 1;
echo json_encode([$c['a'], $c['n'], isset($c['new'])]), "\n";
// The way to do it.
$c['a'] = ['b' => 2] + $c['a'];
$c['n'] += 1;
echo json_encode([$c['a'], $c['n']]), "\n";
$server->stop(0.0);
?>
--EXPECT--
Notice: Indirect modification of overloaded element of Ferrite\Connection has no effect
Notice: Indirect modification of overloaded element of Ferrite\Connection has no effect
Notice: Indirect modification of overloaded element of Ferrite\Connection has no effect
Notice: Indirect modification of overloaded element of Ferrite\Connection has no effect
Notice: Indirect modification of overloaded element of Ferrite\Connection has no effect
Notice: Indirect modification of overloaded element of Ferrite\Connection has no effect
Warning: Undefined array key "new"
Notice: Indirect modification of overloaded element of Ferrite\Connection has no effect
[{"b":1,"list":[1]},1,false]
[{"b":2,"list":[1]},2]
