<?php

declare(strict_types=1);

// A server inside an event loop: `adapters.php react|revolt`. Clients say what it shall do.

use Ferrite\Adapter\ReactLoop;
use Ferrite\Adapter\RevoltLoop;
use Ferrite\Connection;
use Ferrite\Server;

require dirname(__DIR__) . '/package/bootstrap.php';
require getenv('FERRITE_LOOPS_AUTOLOAD') ?: __DIR__ . '/loops.php';

$server = new Server('127.0.0.1:0');
$later = $argv[1] === 'react'
    ? fn (float $seconds, Closure $callback) => React\EventLoop\Loop::get()->addTimer($seconds, $callback)
    : fn (float $seconds, Closure $callback) => Revolt\EventLoop::delay($seconds, $callback);
$adapter = null;
$server->onMessage(function (Connection $from, string $data) use ($server, $later, &$adapter): void {
    switch ($data) {
        case 'suspend':
            // As await() does: the loop goes on, and comes back to this.
            $fiber = Fiber::getCurrent();
            $later(0.05, function () use ($fiber): void {
                $fiber->resume('resumed');
            });
            $from->send(Fiber::suspend());
            break;
        case 'stop the server':
            $server->stop(2.0);
            break;
        case 'stop the adapter':
            $later(0.0, fn () => $adapter->stop(2.0));
            break;
        default:
            $from->send("got $data");
    }
});
$server->onClose(fn (Connection $c, int $code) => print("closed $code\n"));
$adapter = $argv[1] === 'react' ? ReactLoop::attach($server) : RevoltLoop::attach($server);
echo "listening on ws://{$server->addresses()[0]}\n";
$argv[1] === 'react' ? React\EventLoop\Loop::get()->run() : Revolt\EventLoop::run();
echo "the loop has ended\n";
