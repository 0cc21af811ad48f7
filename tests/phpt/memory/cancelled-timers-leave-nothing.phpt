--TEST--
A cancelled timer is let go of at once, with all that its closure keeps; however many and however far away
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

/** What the process has in memory, in bytes: the timers are not in PHP's own. */
function resident(): int
{
    preg_match('/^VmRSS:\s+(\d+) kB/m', (string) file_get_contents('/proc/self/status'), $match);

    return (int) ($match[1] ?? 0) * 1024;
}

$server = server();
$held = new \stdClass();
$seen = \WeakReference::create($held);
$timers = [$server->after(600, fn () => $held), $server->every(600, fn () => $held)];
unset($held);
var_dump($seen->get() !== null);
foreach ($timers as $timer) {
    $timer->cancel();
}
var_dump($seen->get());

$count = leaksAreLookedFor() ? 2_000 : 100_000;
$callback = fn () => null;
foreach (['one by one' => 1, 'a thousand at a time' => 1_000] as $how => $atOnce) {
    foreach (['after', 'every'] as $method) {
        $before = 0;
        for ($done = 0; $done < $count; $done += $atOnce) {
            $timers = [];
            for ($i = 0; $i < $atOnce; ++$i) {
                $timers[] = $server->$method(600, $callback);
            }
            foreach ($timers as $timer) {
                $timer->cancel();
            }
            // Afterwards nothing grows.
            if ($done === 10_000) {
                $before = resident();
            }
        }
        $grown = $before === 0 ? 0 : resident() - $before;
        // One timer took 24 bytes and more until it was due.
        echo $how, ', ', $method, ': ', $grown < 1 << 20 ? 'nothing is left' : "$grown bytes are left", "\n";
    }
}

// The others are not forgotten, and come in order.
$order = [];
$set = function (float $seconds, string $name) use ($server, &$order): \Ferrite\Timer {
    return $server->after($seconds, function () use (&$order, $name): void {
        $order[] = $name;
    });
};
$set(0.5, 'second');
$gone = $set(0.001, 'cancelled');
$set(0.001, 'first');
$again = $server->every(0.001, function () use (&$again, &$order): void {
    $order[] = 'itself';
    $again->cancel();
});
$gone->cancel();
$server->start();
until(function () use (&$order): bool {
    return in_array('second', $order, true);
}, $server);
echo implode(', ', $order), "\n";
$server->stop();

// Timers that keep themselves, on a server that never ran and on one that has.
foreach ([false, true] as $runs) {
    $seen = (function (bool $runs): \WeakReference {
        $server = server();
        $box = new \stdClass();
        $box->timer = $server->after(600, fn () => $box);
        $box->again = $server->every(600, fn () => $box);
        if ($runs) {
            $server->start();
            $server->stop();
        }

        return \WeakReference::create($box);
    })($runs);
    gc_collect_cycles();
    var_dump($seen->get());
}
?>
--EXPECT--
bool(true)
NULL
one by one, after: nothing is left
one by one, every: nothing is left
a thousand at a time, after: nothing is left
a thousand at a time, every: nothing is left
first, itself, second
NULL
NULL
