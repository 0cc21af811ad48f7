--TEST--
Several servers that still run at the end of a script are stopped together: one grace in all
--EXTENSIONS--
ferrite
pcntl
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a fork, and a fatal error, lose memory by nature');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

const SERVERS = 12;

/** Started servers, each with a client that never answers a close frame. */
$servers = function (callable $report): array {
    $servers = $clients = [];
    for ($i = 0; $i < SERVERS; $i++) {
        $servers[] = $server = server(ioThreads: 1);
        $server->start();
        $clients[] = $client = Client::connect($server);
        $client->answersClose = false;
        $client->ping('x');
    }
    $report((string) hrtime(true));

    return [$servers, $clients];
};
$ways = [
    'the end' => function (array $servers): void {
    },
    'an exit' => function (array $servers): void {
        exit(0);
    },
    'an exit in a callback' => function (array $servers): void {
        $servers[0]->after(0.0, fn () => exit(0));
        $servers[0]->poll(5.0);
    },
    'a fatal error in a callback' => function (array $servers): void {
        ini_set('display_errors', '0');
        $servers[0]->after(0.0, fn () => trigger_error('fatal', E_USER_ERROR));
        $servers[0]->poll(5.0);
    },
    'cycles' => function (array $servers): void {
        array_map(fn (Server $server) => $server->onStop(fn () => $server->count()), $servers);
    },
];
foreach ($ways as $what => $way) {
    // The sockets of the clients are in another process: they live until that is over.
    $child = Child::fork(function (callable $report) use ($servers, $way): void {
        [$all, $clients] = $servers($report);
        $GLOBALS['kept'] = [$all, $clients];
        $way($all);
    });
    $since = (int) $child->line();
    $child->end();
    $seconds = (hrtime(true) - $since) / 1e9;
    // One after the other they would take half a second each.
    echo $what, $seconds < patience(SERVERS / 4) ? ": together\n" : ": $seconds s\n";
}

// What ended so has let go of its address when the next one asks for it.
$server = server();
$server->start();
$address = $server->addresses()[0];
register_shutdown_function(function () use ($address): void {
    $server = server(listen: $address);
    $server->start();
    echo $server->addresses()[0] === $address ? "again\n" : "elsewhere\n";
    $server->stop(0.0);
});
$server->after(0.0, fn () => exit());
$server->poll(5.0);
?>
--EXPECT--
the end: together
an exit: together
an exit in a callback: together
a fatal error in a callback: together
cycles: together
again
