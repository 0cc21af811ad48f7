<?php

declare(strict_types=1);

// The server of test_workers.py: an echo that tells which worker has answered, and does to its worker what a message
// asks for. Arguments: the number of workers, then options of Workers as JSON, then a file that is included at the
// start, so that a test can break the next generation.

use Ferrite\{Connection, Handshake, Request, Server, Workers};

[, $count, $options, $include] = $argv + [1 => '2', '{}', ''];
$started = $include === '' ? '' : (string) include $include;
$server = new Server(
    getenv('LISTEN') ?: '127.0.0.1:0',
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
        // The compiler's error cannot be caught, as that of an undefined function can.
        $how === 'fatal' => eval('function fall() {}'),
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
        $how === 'noise' && $first => scribble(at_random: true),
        default => null,
    };
}

/** Prints, unless nobody may read it. */
function tell(string|int|bool ...$words): void
{
    getenv('QUIET') || print(implode('', $words));
}

/** Does not return, also if a signal ends a sleep. */
function stay(): never
{
    while (true) {
        sleep(600);
    }
}

/** The shared memory of this process with this name: where it begins and ends. */
function shared(string $name): array
{
    $found = [];
    foreach (file('/proc/self/maps') as $line) {
        if (str_contains($line, "memfd:$name")) {
            $found[] = explode('-', strtok($line, ' '));
        }
    }
    return $found;
}

/** Writes into all shared memory of this process that it may write: what it sends to the front is rubbish then. */
function scribble(bool $at_random = false): never
{
    foreach (shared('ferrite-worker') as [$from, $to]) {
        $memory = fopen('/proc/self/mem', 'r+');
        $pages = intdiv((int) (hexdec($to) - hexdec($from)), 4096);
        fseek($memory, (int) hexdec($from) + ($at_random ? 4096 * random_int(0, $pages - 1) : 0));
        fwrite($memory, $at_random ? random_bytes(4096) : str_repeat("\xff", 4096));
        fflush($memory);
    }
    stay();
}

/** Tries to write into the memory in which the front writes, and to cut off both; returns the successes. */
function vandalise(): array
{
    $done = [];
    foreach (shared('ferrite-front') as [$from, $to]) {
        $memory = fopen('/proc/self/mem', 'r+');
        fseek($memory, (int) hexdec($from));
        if (@fwrite($memory, str_repeat("\xff", 4096)) && @fflush($memory)) {
            $done[] = 'memory written';
        }
        $file = @fopen("/proc/self/map_files/$from-$to", 'r+');
        if ($file && @fwrite($file, str_repeat("\xff", 4096)) && @fflush($file)) {
            $done[] = 'file written';
        }
    }
    foreach ([...shared('ferrite-front'), ...shared('ferrite-worker')] as [$from, $to]) {
        $file = @fopen("/proc/self/map_files/$from-$to", 'r+');
        if ($file && @ftruncate($file, 0)) {
            $done[] = 'cut off';
        }
    }
    return $done;
}

/** Closes every descriptor of this process but the standard ones; false without FFI. */
function close_all(): bool
{
    if (!extension_loaded('ffi')) {
        return false;
    }
    $library = FFI::cdef('int close(int descriptor);');
    foreach (scandir('/proc/self/fd') as $number) {
        if ((int) $number > 2) {
            $library->close((int) $number);
        }
    }
    return true;
}

/** Waits until a file is there. */
function await(string $file): string
{
    while (!file_exists($file)) {
        usleep(1000);
        clearstatcache();
    }
    return $file;
}

$server->onHandshake(function (Handshake $handshake) use ($server): void {
    $query = $handshake->request->query();
    fall($query['handshake'] ?? '', $server);
    if (($query['handshake'] ?? '') === 'refuse') {
        $handshake->reject(403);
        return;
    }
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
    if ($what === 'close-standard') {
        fclose(STDIN);
        fclose(STDOUT);
        fclose(STDERR);
    }
    if ($what === 'say') {
        echo "said $rest attempt {$server->attempt()}\n";
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
        'await' => await($rest),
        'vandalise' => vandalise(),
        'close-all' => close_all(),
        'later' => $server->after((float) $rest, function () use ($rest): void {
            echo "later $rest\n";
        }) === null,
        'fall-later' => $server->after(0.01, fn () => fall($rest, $server)) === null,
        'hold' => strlen($GLOBALS['held'] = str_repeat('x', (int) $rest)),
        'print' => print(str_repeat('x', (int) $rest)),
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
    tell("closed $code attempt {$server->attempt()} note ", json_encode($connection['note'] ?? null), "\n");
});
$server->onAttach(function (Connection $connection): void {
    tell("attached $connection->user ", $connection['left'] ?? 0, "\n");
});
$server->onDetach(function (Connection $connection): void {
    $connection['left'] = getmypid();
    tell("detached $connection->user\n");
});
$server->onRequest(function (Request $request) use ($server): string {
    fall($request->query()['request'] ?? '', $server);
    return "attempt {$server->attempt()}";
});
$server->onStart(function (Server $server) use ($started): void {
    fall(getenv('START') ?: $started, $server);
    // A worker whose release says so waits for a file, and fails then.
    [$what, $index, $file] = explode(' ', $started) + ['', '', ''];
    if ($what === 'fails' && $server->worker()->index === (int) $index) {
        await($file);
        exit(1);
    }
    tell('listens at ', $server->addresses()[0], "\n");
    tell('started ', $server->worker()->index, ' generation ', $server->worker()->generation, "\n");
});
$server->onStop(function (): void {
    tell("stopped\n");
});
$server->every(0.02, function (): void {
    tell('tick ', getmypid(), ' ', hrtime(true), "\n");
});
$server->run();
