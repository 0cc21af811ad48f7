<?php

declare(strict_types=1);

// The server of test_presence.py: php … presence.php ADDRESS GRACE
//
// /name is that user, /-… nobody; all are in the topic "room". A message is "who" (answered with the list), "out", "in",
// or "block": the callback prints "blocked" and waits for a line on standard input.

use Ferrite\Connection;
use Ferrite\Handshake;
use Ferrite\Server;

$server = new Server($argv[1]);
$server->announcePresence('room', grace: (float) $argv[2]);
$server->onHandshake(function (Handshake $handshake): void {
    $name = ltrim($handshake->request->path, '/');
    $handshake->accept(user: $name[0] === '-' ? null : $name, topics: ['room']);
});
$server->onMessage(function (Connection $from, string $data) use ($server): void {
    match ($data) {
        'who' => $from->send(json_encode($server->presence('room'), JSON_THROW_ON_ERROR)),
        'out' => $from->unsubscribe('room'),
        'in' => $from->subscribe('room'),
        'block' => [printf("blocked\n"), fgets(STDIN)],
    };
});
$server->onJoin(function (string $topic, string $user): void {
    echo "join $topic $user\n";
});
$server->onLeave(function (string $topic, string $user): void {
    echo "leave $topic $user\n";
});
$server->run();

unset($server);
gc_collect_cycles();
