--TEST--
A server has more descriptors than the soft limit allows, and the limit that programs of the script inherit is the script's
--EXTENSIONS--
ferrite
pcntl
posix
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a fork loses what its missing threads owned');
if (is_numeric(posix_getrlimit()['hard openfiles']) && posix_getrlimit()['hard openfiles'] < 4096) die('skip too few descriptors');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

/** The soft limit of this process, of programs that it starts in each way, and of a fork. */
function limits(): string
{
    $of = 'ulimit -Sn';
    $process = proc_open(['sh', '-c', $of], [1 => ['pipe', 'w']], $pipes);
    $popen = popen($of, 'r');
    $fork = Child::fork(fn (callable $report) => $report((string) posix_getrlimit()['soft openfiles']));
    $all = [
        posix_getrlimit()['soft openfiles'], shell_exec($of), exec($of), stream_get_contents($pipes[1]), fgets($popen), $fork->line(),
    ];
    proc_close($process);

    return implode(' ', array_unique(array_map(fn (mixed $limit): string => trim((string) $limit), $all)));
}

foreach ([1, 3] as $threads) {
    $child = Child::fork(function (callable $report) use ($threads): void {
        $hard = posix_getrlimit()['hard openfiles'];
        posix_setrlimit(POSIX_RLIMIT_NOFILE, 200, is_numeric($hard) ? (int) $hard : POSIX_RLIMIT_INFINITY);
        $server = server(ioThreads: $threads);
        $server->onStart(fn () => $report($server->addresses()[0]));
        $server->onMessage(fn (Connection $from) => $from->send(limits()));
        $server->run();
        $report(limits());
        $report(is_resource(fopen('php://fd/2', 'w')) ? 'files' : 'no files');
    });
    $address = $child->line();
    $clients = [];
    for ($i = 0; $i < 300; $i++) {
        $clients[] = Client::connect($address);
        if ($i % 100 === 0) {
            $clients[$i]->send('limits');
            echo $clients[$i]->text(), ', ';
        }
    }
    unset($clients);
    $child->signal(SIGTERM);
    echo 'after the end ', $child->line(), ', ', $child->line(), ', ', $child->end(), "\n";
}

// With few descriptors there are fewer above PHP's.
foreach ([128, 400] as $hard) {
    $child = Child::fork(function (callable $report) use ($hard): void {
        posix_setrlimit(POSIX_RLIMIT_NOFILE, $hard, $hard);
        fclose(STDIN);
        $server = server(ioThreads: 1);
        $server->onStart(fn () => $report($server->addresses()[0]));
        $server->onMessage(fn (Connection $from) => $from->send(shell_exec('echo a program runs')));
        $server->run();
    });
    $address = $child->line();
    $clients = [];
    for ($i = 0; $i < $hard - 64; $i++) {
        $clients[] = Client::connect($address);
    }
    end($clients)->send('exec');
    echo count($clients), ' clients, ', trim(end($clients)->text()), ', the next ', Client::ask($address)->status, "\n";
    unset($clients);
    $child->signal(SIGTERM);
    echo $child->end(), "\n";
}
?>
--EXPECT--
200, 200, 200, after the end 200, files, exit 0
200, 200, 200, after the end 200, files, exit 0
64 clients, a program runs, the next 503
exit 0
336 clients, a program runs, the next 503
exit 0
