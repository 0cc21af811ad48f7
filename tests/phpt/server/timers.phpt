--TEST--
Timers come by due time, then in the order of their creation; cancel() holds even when due
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

$log = [];
$note = function (string $what) use (&$log): \Closure {
    return function () use (&$log, $what): void {
        $log[] = $what;
    };
};
$server = server();
$server->after(0.03, $note('third'));
$server->after(0.0, $note('first'));
$server->after(0.0, $note('second'));
$cancelled = $server->after(0.0, $note('cancelled'));
var_dump($cancelled::class, $cancelled->cancel(), $cancelled->cancel());
$server->start();
$start = hrtime(true);
waitFor($log, 3, $server);
echo implode(', ', $log), "\n";

// One timer cancels another that is due in the same turn; it runs none the less only itself.
$log = [];
$server->after(0.0, function () use (&$victim, &$log): void {
    $log[] = 'killer';
    $victim->cancel();
});
$victim = $server->after(0.0, $note('victim'));
$last = $server->after(0.001, $note('last'));
until(function () use (&$log): bool {
    return in_array('last', $log, true);
}, $server);
echo implode(', ', $log), "\n";

// every() until it cancels itself, never before its time.
$ticks = [];
$start = hrtime(true);
$every = $server->every(0.01, function () use (&$ticks, &$every, $start): void {
    $ticks[] = hrtime(true) - $start;
    if (count($ticks) === 3) {
        $every->cancel();
    }
});
waitFor($ticks, 3, $server);
$server->poll(0.03);
var_dump(count($ticks), $ticks[0] >= 9.9e6, $ticks[2] >= 29.9e6);

// Missed turns are not made up.
$count = 0;
$every = $server->every(0.01, function () use (&$count): void {
    ++$count;
});
usleep(60_000);
$server->poll();
$server->poll();
var_dump($count <= 2);
$every->cancel();

// A timer runs whether or not anybody holds it; a timer may make timers.
$log = [];
$server->after(0.0, fn () => $server->after(0.0, $note('inner')));
until(function () use (&$log): bool {
    return $log === ['inner'];
}, $server);

foreach ([-1.0, NAN, INF] as $wrong) {
    echo thrownClass(fn () => $server->after($wrong, fn () => null)), ' ', thrownClass(fn () => $server->every($wrong, fn () => null)), "\n";
}
echo thrownClass(fn () => $server->every(0.0, fn () => null)), ' ', thrownClass(fn () => $server->after(0.0, 'no function')), "\n";

// What is left at the end of a run is discarded.
$log = [];
$server->after(patience(0.02), $note('left'));
$server->stop(0.0);
$server->start();
$server->poll(patience(0.04));
$server->stop(0.0);
var_dump($log);
?>
--EXPECT--
string(13) "Ferrite\Timer"
NULL
NULL
first, second, third
killer, last
int(3)
bool(true)
bool(true)
bool(true)
ValueError ValueError
ValueError ValueError
ValueError ValueError
ValueError TypeError
array(0) {
}
