--TEST--
A timer outlives its server, which the cycle collector frees with the timer's closure
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Server, Timer};

require __DIR__ . '/../support.inc';

/** What is freed by mistake is somebody else's after that. */
function fill(): array
{
    $filled = [new \ArrayObject([1])];
    for ($i = 0; $i < 20; ++$i) {
        $filled[] = fn (): string => "foreign $i";
    }

    return $filled;
}

$after = static fn (Server $server): Timer => $server->after(1, function () use ($server): void {
});
$every = static fn (Server $server): Timer => $server->every(1, function () use ($server): void {
});
$inACallback = static function (Server $server): Timer {
    $timer = null;
    $server->onStart(function () use ($server, &$timer): void {
        $timer = $server->every(1, function () use ($server): void {
        });
        $server->stop();
    });
    $server->start();

    return $timer;
};
foreach ([$after, $every, $inACallback] as $make) {
    $timer = $make(server());
    gc_collect_cycles();
    $mine = fn (): string => 'mine';
    $timer->cancel();
    $timer->cancel();
    unset($timer);
    $filled = fill();
    echo $mine(), "\n";
}
?>
--EXPECT--
mine
mine
mine
