<?php

declare(strict_types=1);

// The server of test_faults.py: an echo that tells what it hears. "descriptors" takes all descriptors that
// the process may still have, for as long as the client stays; "panics" asks for their number.

use Ferrite\{Connection, Limits, Server};

$held = [];
// The ceiling follows from the file limit, which this script defeats by taking descriptors itself.
$server = new Server('127.0.0.1:0', limits: new Limits(maxConnections: 50), ioThreads: (int) ($argv[1] ?? 1));
$server->onMessage(function (Connection $from, string $data) use ($server, &$held): void {
    if ($data === 'descriptors') {
        while ($file = @fopen('/dev/null', 'r')) {
            $held[] = $file;
        }
    } elseif ($data === 'free') {
        $held = [];
    } elseif ($data === 'panics') {
        $data = (string) $server->stats()['ferrite_panics_total'];
    }
    $from->send($data);
});
$server->onClose(function (Connection $who, int $code): void {
    echo "closed $code\n";
});

try {
    $server->run();
    echo "stopped\n";
} catch (Error $error) {
    echo get_class($error), ': ', $error->getMessage(), "\n";
}
