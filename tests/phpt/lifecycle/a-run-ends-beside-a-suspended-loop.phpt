--TEST--
A run ends in poll() also while another loop of it is suspended in a Fiber that nobody resumes
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

require __DIR__ . '/../support.inc';

foreach (['in the script', 'in a Fiber'] as $where) {
    $log = [];
    $server = server();
    $server->onStop(function () use (&$log): void {
        $log[] = 'onStop';
    });
    $server->after(0, function (): void {
        \Fiber::suspend();
    });
    $server->start();
    $old = new \Fiber(function () use ($server, &$log): void {
        $server->poll(10.0);
        $log[] = 'the old loop returns';
    });
    $old->start();
    $server->after(0, fn () => $server->stop(0.0));
    $poll = function () use ($server): void {
        $deadline = deadline(10);
        while ($server->addresses() !== [] && hrtime(true) < $deadline) {
            $server->poll(0.01);
        }
    };
    $where === 'in a Fiber' ? (new \Fiber($poll))->start() : $poll();
    $log[] = $server->addresses() === [] ? 'it is over' : 'it is not over';
    // A later run is not the old loop's to end.
    $server->start();
    $old->resume();
    $log[] = $server->addresses() === [] ? 'the next is over' : 'the next runs';
    $server->stop(0.0);
    echo "$where: ", implode(', ', $log), "\n";
}

$log = [];
$server = server();
$server->onStop(function () use (&$log): void {
    $log[] = 'onStop in ' . (\Fiber::getCurrent() === null ? 'the script' : 'a Fiber');
});
$server->after(0, function () use ($server, &$log): void {
    $inner = new \Fiber(function () use ($server): void {
        $server->stop(0.0);
        for ($turn = 0; $turn < 30; ++$turn) {
            $server->poll(0.01);
        }
    });
    $inner->start();
    $log[] = 'the callback returns';
});
$server->start();
$deadline = deadline(10);
while ($server->addresses() !== [] && hrtime(true) < $deadline) {
    $server->poll(0.01);
}
echo 'inside a callback: ', implode(', ', $log), "\n";
?>
--EXPECT--
in the script: onStop, it is over, the old loop returns, the next runs, onStop
in a Fiber: onStop, it is over, the old loop returns, the next runs, onStop
inside a callback: the callback returns, onStop in the script
