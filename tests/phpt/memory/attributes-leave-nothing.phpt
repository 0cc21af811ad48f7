--TEST--
Attributes that are set, read, refused and removed leave nothing in memory
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

/** What the process has in memory, in bytes: the attributes are not in PHP's own. */
function resident(): int
{
    preg_match('/^VmRSS:\s+(\d+) kB/m', (string) file_get_contents('/proc/self/status'), $match);

    return (int) ($match[1] ?? 0) * 1024;
}

$c = null;
$server = server();
$server->onOpen(function (Connection $connection) use (&$c): void {
    $c = $connection;
});
$server->start();
$client = Client::connect($server);
waitFor($c, 1, $server);

$work = function (int $i) use ($c): void {
    $c['cart'] = ['id' => $i, 'items' => [['name' => "item $i", "\xff" => [1.5, null, true]]], 7 => str_repeat('x', $i % 500)];
    $c["key $i"] = str_repeat('y', $i % 1000);
    $read = $c['cart'];
    $read['items'][0]['name'] .= $c["key $i"];
    $c['count'] = ($c['count'] ?? 0) + 1;
    isset($c['cart'], $c['none']);
    foreach ([fn () => $c['large'] = str_repeat("$i", 5000), fn () => $c['deep'] = ['a' => [1, new \stdClass()]], fn () => $c[] = [$i]] as $refused) {
        try {
            $refused();
        } catch (\TypeError | \ValueError) {
        }
    }
    $before = @$c['none'];
    @$c['cart']['id'] = 1;
    unset($c["key $i"]);
};
$times = leaksAreLookedFor() ? 200 : 20_000;
for ($i = 0; $i < $times; ++$i) {
    $work($i);
    if ($i === 500) {
        $process = resident();
        $php = memory_get_usage();
    }
}
if ($times > 500) {
    $grown = memory_get_usage() - $php;
    echo $grown === 0 ? '' : "$grown bytes of PHP's memory are left\n";
    $grown = resident() - $process;
    // A value that was left each time would be 2 MiB and more.
    echo $grown < 1 << 20 ? '' : "$grown bytes of the process are left\n";
}
var_dump($c['count'] === $times);
$server->stop(0.0);
?>
--EXPECT--
bool(true)
