<?php

declare(strict_types=1);

// Blocks for some seconds in a handler while clients flood it; then checks that every message came, in order.
// Run by busy-php.py. Arguments: seconds to block, messages of each client.

use Ferrite\{Connection, Server};

[, $seconds, $messages] = $argv;
$server = new Server('127.0.0.1:0', ioThreads: 1);
$blocked = false;
$done = 0;
$answer = function (Connection $from, string $data) use ($server, &$blocked, &$done, $seconds, $messages): void {
    if ($data === 'block') {
        $blocked = true;
        fwrite(STDOUT, "blocked\n");
        sleep((int) $seconds);
        fwrite(STDOUT, "free\n");
        return;
    }
    $from->data ??= 0;
    if ((int) $data !== $from->data++) {
        fwrite(STDOUT, "out of order: got $data, expected " . ($from->data - 1) . "\n");
        exit(1);
    }
    if ($from->data === (int) $messages) {
        $from->send('complete');
        $done++;
    }
};
$server->onMessage($answer);
$server->onClose(function (Connection $who, int $code) use (&$done): void {
    fwrite(STDOUT, "closed $code\n");
});
$server->onStart(fn (Server $s) => fwrite(STDOUT, $s->addresses()[0] . "\n"));
$server->run();
