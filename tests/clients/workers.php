<?php

declare(strict_types=1);

// The server of test_workers.py: an echo that tells which worker has answered, and does to its worker what a message
// asks for. Arguments: the number of workers, then options of Workers as JSON, then a file that is included at the
// start, so that a test can break the next generation.

use Ferrite\{Connection, Handshake, Server, Workers};

[, $count, $options, $include] = $argv + [1 => '2', '{}', ''];
$started = $include === '' ? '' : (string) include $include;
$server = new Server(
    '127.0.0.1:0',
    metrics: '/metrics',
    health: '/health',
    protocols: ['chat'],
    workers: new Workers((int) $count, ...json_decode($options, true)),
);

/** Ends this worker in the way that a message names; returns for other messages. */
function fall(string $how, Server $server): void
{
    // The second worker that gets the message answers it, but where a message is poison.
    $first = $server->attempt() === 1;
    match (true) {
        $how === 'kill' && $first, $how === 'poison' => posix_kill(getmypid(), SIGKILL),
        $how === 'segfault' && $first => posix_kill(getmypid(), SIGSEGV),
        $how === 'fatal' => undefined_function(),
        $how === 'memory' => ini_set('memory_limit', '16M') && str_repeat('x', 64 << 20),
        $how === 'time' => set_time_limit(1) && (function (): void {
            while (true) {
                md5('x');
            }
        })(),
        $how === 'exit' => exit(3),
        $how === 'throw' => throw new RuntimeException('as asked'),
        $how === 'stuck' && $first => stay(),
        $how === 'rubbish' && $first => scribble(),
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

/** Writes into all shared memory of this process that it may write: what it sends to the front is rubbish then. */
function scribble(): never
{
    foreach (file('/proc/self/maps') as $line) {
        if (str_contains($line, 'rw-s') && str_contains($line, 'ferrite-worker')) {
            [$from] = explode('-', $line);
            $memory = fopen('/proc/self/mem', 'r+');
            fseek($memory, (int) hexdec($from));
            fwrite($memory, str_repeat("\xff", 4096));
            fflush($memory);
        }
    }
    while (true) {
        sleep(1);
    }
}

$server->onHandshake(function (Handshake $handshake) use ($server): void {
    $query = $handshake->request->query();
    fall($query['handshake'] ?? '', $server);
    $handshake->accept(user: $query['user'] ?? null, tags: ['from' => $query['user'] ?? 'nobody']);
});
$server->onOpen(function (Connection $connection) use ($server): void {
    fall($connection->request->query()['open'] ?? '', $server);
    $connection->subscribe('all');
    $connection->data = 'opened here';
    $connection['opened'] = getmypid();
});
$server->onMessage(function (Connection $connection, string $data) use ($server, $started): void {
    [$what, $rest] = explode(' ', $data, 2) + [1 => ''];
    if ($what === 'publish-and-kill') {
        $server->publish('all', "published by attempt {$server->attempt()}");
        fall('kill', $server);
    }
    if ($what === 'fork' && pcntl_fork() === 0) {
        sleep(3);
        posix_kill(getmypid(), SIGKILL);
    }
    if ($what === 'close-descriptors') {
        fclose(STDIN);
        fclose(STDOUT);
        fclose(STDERR);
        foreach (scandir('/proc/self/fd') as $number) {
            if ((int) $number > 2) {
                @fclose(fopen("php://fd/$number", 'r') ?: tmpfile());
            }
        }
    }
    if ($what === 'set') {
        $connection['note'] = ['text' => $rest];
    }
    fall($what, $server);
    $answer = match ($what) {
        'reload' => $server->reload() ?? 'ok',
        'stop' => $server->stop(5) ?? 'ok',
        'close' => $connection->close(4000, 'as asked'),
        'state' => [
            'user' => $connection->user,
            'protocol' => $connection->protocol,
            'path' => $connection->request->path,
            'header' => $connection->request->header('x-test'),
            'topics' => $connection->topics(),
            'tags' => $connection->tags(),
            'note' => $connection['note'] ?? null,
            'opened' => $connection['opened'] ?? null,
            'data' => $connection->data,
        ],
        'count' => $server->count(),
        'publish' => $server->publish('all', $rest),
        'everybody' => $server->to()->tags(['from' => $rest])->send('to you'),
        'presence' => $server->presence('all'),
        'large' => strlen($rest),
        default => $rest,
    };
    $worker = $server->worker();
    $connection->send(json_encode([
        'what' => $what,
        'answer' => $answer,
        'attempt' => $server->attempt(),
        'pid' => getmypid(),
        'index' => $worker->index,
        'generation' => $worker->generation,
        'leader' => $worker->leader,
        'started' => $started,
    ]));
});
$server->onClose(function (Connection $connection, int $code) use ($server): void {
    fall($connection->request->query()['close'] ?? '', $server);
    echo "closed $code attempt {$server->attempt()} note ", json_encode($connection['note'] ?? null), "\n";
});
$server->onAttach(function (Connection $connection): void {
    echo "attached $connection->user ", $connection['left'] ?? 0, "\n";
});
$server->onDetach(function (Connection $connection): void {
    $connection['left'] = getmypid();
    echo "detached $connection->user\n";
});
$server->onStart(function (Server $server): void {
    fall(getenv('START') ?: '', $server);
    echo 'started ', $server->worker()->index, ' generation ', $server->worker()->generation, "\n";
});
$server->onStop(function (): void {
    echo "stopped\n";
});
$server->every(0.02, function (): void {
    echo 'tick ', getmypid(), ' ', hrtime(true), "\n";
});
$server->run();
