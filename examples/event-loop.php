<?php

declare(strict_types=1);

// The script owns the loop: one stream_select() waits for the server, for the keyboard and for a timer.
//
//   php -d extension=target/release/libferrite.so examples/event-loop.php [ADDRESS]
//
// Each line typed here goes to every client; messages of clients are printed. Ctrl-D stops it.
// ReactPHP and Revolt are used in the same way; Ferrite\Adapter\ReactLoop and RevoltLoop do it for them.

use Ferrite\Connection;
use Ferrite\Server;

require __DIR__ . '/need-ferrite.php';

$server = new Server($argv[1] ?? '127.0.0.1:8080');

$server->onMessage(function (Connection $from, string $data, bool $binary): void {
    echo "client {$from->id}: ", $binary ? strlen($data) . ' bytes' : $data, PHP_EOL;
});

$server->start();
$network = $server->stream();
$nextTick = hrtime(true) / 1e9 + 1.0;
$running = true;

while ($running) {
    $read = [$network, STDIN];
    $write = $except = null;
    $wait = max(0.0, $nextTick - hrtime(true) / 1e9);
    if (@stream_select($read, $write, $except, (int) $wait, (int) (fmod($wait, 1.0) * 1e6)) === false) {
        continue; // a signal came
    }

    foreach ($read as $stream) {
        if ($stream === $network) {
            $server->poll(); // runs the callbacks that are due and returns at once
        } elseif (($line = fgets(STDIN)) !== false) {
            $server->broadcast(rtrim($line, "\r\n"));
        } else {
            $running = false; // end of input
        }
    }

    if (hrtime(true) / 1e9 >= $nextTick) {
        $nextTick += 1.0;
        $server->broadcast('tick ' . gmdate('H:i:s'));
    }
}

$server->stop();
