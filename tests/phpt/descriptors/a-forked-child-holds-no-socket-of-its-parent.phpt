--TEST--
A child that a callback forks holds neither the ports nor the clients of its parent
--EXTENSIONS--
ferrite
pcntl
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a fork loses what its missing threads owned');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

/** The sockets that this process has open. */
function sockets(): array
{
    $files = array_map(fn (string $fd): string => (string) @readlink("/proc/self/fd/$fd"), @scandir('/proc/self/fd') ?: []);

    return array_values(array_filter($files, fn (string $file): bool => str_starts_with($file, 'socket:')));
}

$path = sys_get_temp_dir() . '/ferrite-inherited-' . getmypid() . '.sock';
$secret = str_repeat('s', 32);
foreach ([1, 3] as $threads) {
    $options = ['ioThreads' => $threads, 'control' => "http://key:$secret@127.0.0.1:0", 'metrics' => 'http://127.0.0.1:0/metrics'];
    $child = Child::fork(function (callable $report) use ($path, $options): void {
        $before = sockets();
        $server = server(...['listen' => ['127.0.0.1:0', "unix://$path"], ...$options]);
        $server->onStart(fn () => $report(json_encode($server->addresses())));
        $server->onMessage(function (Connection $from) use ($report, $before): void {
            $pid = pcntl_fork();
            if ($pid === 0) {
                $more = array_diff(sockets(), $before);
                $report($more === [] ? 'no socket' : json_encode($more));
                sleep(30);
                exit;
            }
            $report("$pid");
            $from->send('forked');
        });
        $server->run();
    });
    $addresses = json_decode($child->line());
    $tcp = $addresses[0];
    $clients = [Client::connect($tcp), Client::connect("unix://$path"), Client::connect($tcp)];
    $clients[0]->send('fork');
    $lines = [$child->line(), $child->line()];
    sort($lines);
    echo $lines[1], ', ', $clients[0]->text(), "\n";
    $child->signal(SIGKILL);
    echo $child->end(), ', ';
    foreach ($clients as $client) {
        echo $client->ended() ? 'ended, ' : 'something came, ';
    }
    $again = server(listen: [$tcp, "unix://$path"], ioThreads: $threads);
    $again->start();
    echo $again->addresses()[0] === $tcp ? "serves again\n" : "elsewhere\n";
    $again->stop(0.0);
    exec("kill -KILL {$lines[0]}");
}
?>
--EXPECT--
no socket, forked
signal 9, ended, ended, ended, serves again
no socket, forked
signal 9, ended, ended, ended, serves again
