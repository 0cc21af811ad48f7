<?php

declare(strict_types=1);

// The server of the soak: an echo whose answer says how often the message was begun, and faults that a message asks
// for. Arguments: the number of workers, then a file that is included at the start, so that a release can be broken.

use Ferrite\{Connection, Handshake, Server, Workers};

[, $count, $release] = $argv;
if ((include $release) !== 'whole') {
    exit(1);
}
$server = new Server(
    '127.0.0.1:0',
    metrics: '/metrics',
    workers: new Workers((int) $count, handlerTimeout: 1.0),
);

/** Ends this worker, or this callback, as a message asks; returns for the second worker that gets the message. */
function fall(string $how, Server $server): void
{
    match ($how) {
        'throw' => throw new RuntimeException('as asked'),
        'fatal' => ini_set('memory_limit', '16M') && str_repeat('x', 64 << 20),
        'exit' => exit(3),
        default => null,
    };
    if ($server->attempt() > 1) {
        return;
    }
    match ($how) {
        'kill' => posix_kill(getmypid(), SIGKILL),
        'segfault' => posix_kill(getmypid(), SIGSEGV),
        'stuck' => stay(),
        'rubbish' => scribble(),
        default => null,
    };
}

/** Does not return, also if a signal ends a sleep. */
function stay(): never
{
    while (true) {
        sleep(600);
    }
}

/** Writes rubbish to a random place of the memory in which the front reads what this worker sends. */
function scribble(): never
{
    foreach (file('/proc/self/maps') as $line) {
        if (str_contains($line, 'rw-s') && str_contains($line, 'ferrite-worker')) {
            [$from, $to] = array_map(hexdec(...), explode('-', strtok($line, ' ')));
            $memory = fopen('/proc/self/mem', 'r+');
            fseek($memory, (int) $from + random_int(0, 1) * 4096 * random_int(0, intdiv((int) ($to - $from), 4096) - 1));
            fwrite($memory, random_bytes(4096));
        }
    }
    // Rubbish that says nothing is no offence, so the time limit ends this worker at the latest.
    stay();
}

$server->onHandshake(function (Handshake $handshake): void {
    $handshake->accept(user: $handshake->request->query()['user']);
});
$server->onOpen(function (Connection $connection): void {
    $connection['last'] = -1;
    if (isset($connection->request->query()['ticks'])) {
        $connection->subscribe('ticks');
    }
});
// A message: the number of the client, a space, the number of the message, a space, further bytes. Its echo: the
// attempt, "u" if the connection is not that user's, the number of the message before as its attribute has it, and the
// message.
$server->onMessage(function (Connection $connection, string $data) use ($server): void {
    [$user, $number] = explode(' ', substr($data, 0, 40), 3);
    $last = $connection['last'];
    if (is_numeric($number)) {
        $connection['last'] = (int) $number;
    } else {
        fall($number, $server);
    }
    $wrong = $connection->user === $user ? '' : 'u';
    $connection->send("{$server->attempt()}$wrong $last $data");
});
$server->every(0.02, function () use ($server): void {
    $server->publish('ticks', '0 ' . getmypid() . ' ' . hrtime(true));
});
$server->run();
