<?php

declare(strict_types=1);

// The server of the tests about systemd: php … systemd.php ADDRESS…
//
// Each message is a command. Standard output says what happens; where the script waits, it waits for a
// line of standard input. The variable LOOP=own makes it own its loop, THREADS is ioThreads.

use Ferrite\Connection;
use Ferrite\Server;

$server = new Server(array_slice($argv, 1), ioThreads: (int) (getenv('THREADS') ?: 1));

$server->onStart(function (): void {
    echo "starting\n";
    if (getenv('WAIT')) {
        fgets(STDIN);
    }
});
$server->onMessage(function (Connection $from, string $data) use ($server): void {
    switch ($data) {
        case 'block':
            echo "blocked\n";
            fgets(STDIN);
            break;
        case 'sockets of a child':
            $from->send(trim((string) shell_exec('readlink /proc/self/fd/* | grep -c socket')));
            break;
        case 'stop':
            $server->stop();
            break;
        default:
            $from->send("$data for $from->remoteAddress");
    }
});

$runs = (int) (getenv('RUNS') ?: 1);
while ($runs-- > 0) {
    if (getenv('LOOP') === 'own') {
        $server->start();
        $stream = $server->stream();
        while ($server->addresses() !== []) {
            $read = [$stream];
            $write = $except = null;
            stream_select($read, $write, $except, null);
            $server->poll();
        }
    } else {
        $server->run();
    }
    echo "ended\n";
}
