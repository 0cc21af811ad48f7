--TEST--
Promise 6: after run() the former dispositions are back
--EXTENSIONS--
ferrite
pcntl
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a killed process has lost its memory');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

foreach ([SIGTERM, SIGINT] as $signal) {
    $child = Child::fork(function (callable $report) use ($signal): void {
        $other = $signal === SIGTERM ? SIGINT : SIGTERM;
        pcntl_signal($other, $handler = fn () => $report('my handler'));
        $server = server();
        $server->onStart(fn () => $report('started'));
        $server->run();
        $report(pcntl_signal_get_handler($other) === $handler ? 'same handler' : 'other handler');
        $report('back');
        while (true) {
            usleep(1000);
        }
    });
    echo $child->line();
    $child->signal($signal);
    echo ', ', $child->line(), ', ', $child->line();
    $child->signal($signal);
    echo ', ', $child->end() === "signal $signal" ? 'killed' : 'not killed', "\n";
}
?>
--EXPECT--
started, same handler, back, killed
started, same handler, back, killed
