--TEST--
With more clients than select() knows numbers, stream_select(), pipes and child processes work in handlers and beside poll()
--EXTENSIONS--
ferrite
pcntl
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a fork loses what its missing threads owned');
if (PHP_OS_FAMILY !== 'Linux') die('skip the hard limit of open files is known on Linux only');
preg_match('/open files +\S+ +(\d+|unlimited)/', file_get_contents('/proc/self/limits'), $limit);
if (is_numeric($limit[1]) && (int) $limit[1] < 4096) die('skip too few descriptors');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

const CLIENTS = 550;

/** What a child process says, read as frameworks read it. */
function said(): string
{
    $process = proc_open(['echo', 'said'], [1 => ['pipe', 'w']], $pipes);
    stream_set_blocking($pipes[1], false);
    $all = '';
    do {
        $read = [$pipes[1]];
        $write = $except = null;
        $ready = stream_select($read, $write, $except, (int) patience(10));
        $all .= fread($pipes[1], 1024);
    } while ($ready === 1 && !feof($pipes[1]));
    fclose($pipes[1]);
    proc_close($process);

    return trim($all) . ", $ready ready";
}

/** Numbers of this process's descriptors that are not PHP's own, below 1024. */
function low(): array
{
    $found = [];
    foreach (scandir('/proc/self/fd') as $number) {
        $file = (string) @readlink("/proc/self/fd/$number");
        if ($number < 1024 && preg_match('/^(socket|anon_inode)/', $file) === 1) {
            $found[] = "$number $file";
        }
    }

    return $found;
}

$before = low();
$server = server(control: 'http://key:' . str_repeat('s', 32) . '@127.0.0.1:0');
$server->onMessage(fn (Connection $from, string $data) => $from->send($data === 'said' ? said() : $data));
$server->start();
$address = $server->addresses()[0];
echo json_encode(array_diff(low(), $before)), " of the server are low\n";
// Two processes, for each has a limit too.
$crowds = [];
for ($i = 0; $i < 2; $i++) {
    $crowds[] = Child::fork(function (callable $report) use ($address): void {
        $sockets = [];
        for ($i = 0; $i < CLIENTS; $i++) {
            $sockets[] = $socket = stream_socket_client("tcp://$address");
            fwrite($socket, "GET / HTTP/1.1\r\nHost: $address\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                . 'Sec-WebSocket-Key: ' . base64_encode(random_bytes(16)) . "\r\nSec-WebSocket-Version: 13\r\n\r\n");
        }
        $report('connected');
        sleep((int) patience(25));
    });
}
$last = Client::connect($server);
until(fn (): bool => $server->count() === 2 * CLIENTS + 1, $server);

$last->send('said');
echo 'in a handler: ', $last->text(), "\n";
echo 'beside: ', said(), "\n";
$stream = $server->stream();
$last->send('hello');
[$read, $write, $except] = [[$stream], null, null];
echo stream_select($read, $write, $except, (int) patience(10)), " of the loop's streams ready\n";
echo $last->text(), "\n";
// Its own ends of what it shares with its children and with the last client, and what stream() has given.
echo count(low()) - count($before), " are low\n";
foreach ($crowds as $crowd) {
    $crowd->signal(SIGKILL);
}
$server->stop(0.0);
?>
--EXPECT--
[] of the server are low
in a handler: said, 1 ready
beside: said, 1 ready
1 of the loop's streams ready
hello
4 are low
