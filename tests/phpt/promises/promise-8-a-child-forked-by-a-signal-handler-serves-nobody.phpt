--TEST--
Promise 8: a child that a signal handler forks while run() waits takes nothing of its parent's
--EXTENSIONS--
ferrite
pcntl
posix
--SKIPIF--
<?php
if (getenv('USE_ZEND_ALLOC') === '0') die('skip where leaks are looked for, a fork loses what its missing threads owned');
?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server, StateException};

require __DIR__ . '/../support.inc';

$child = Child::fork(function (callable $report): void {
    $server = server(ioThreads: 1);
    $who = 'parent';
    // Without asynchronous signals it is the waiting loop that calls the handler.
    pcntl_signal(SIGUSR1, function () use (&$who): void {
        if (pcntl_fork() === 0) {
            $who = 'child';
        }
    });
    $server->onStart(fn (Server $server) => $report($server->addresses()[0]));
    $server->onMessage(function (Connection $connection, string $data) use (&$who): void {
        if ($data === 'fork') {
            posix_kill(getmypid(), SIGUSR1);
        }
        $connection->send("$who: $data");
    });
    try {
        $server->run();
    } catch (StateException) {
        $report('the child gets a StateException');
        posix_kill(getmypid(), SIGKILL);
    }
    $report('run() returned');
});
$client = Client::connect($child->line());
// So many that the loop serves the network itself.
for ($i = 0; $i < 100; $i++) {
    $client->send("warm $i");
    $client->text() === "parent: warm $i" || print("wrong\n");
}
$client->send('fork');
echo $client->text(), "\n", $child->line(), "\n";
for ($i = 0; $i < 100; $i++) {
    $client->send("after $i");
    $client->text() === "parent: after $i" || print("wrong\n");
}
$child->signal(SIGTERM);
echo $child->line(), ', ', $child->end(), "\n";
?>
--EXPECT--
parent: fork
the child gets a StateException
run() returned, exit 0
