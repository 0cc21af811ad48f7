--TEST--
What a script prints after it has closed STDIN, STDOUT and STDERR reaches no client, whenever it closed them
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

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

/** A server that prints and warns whenever it can; `when` says when it closes its standard streams. */
function printing(string $when): array
{
    $child = Child::fork(function (callable $report) use ($when): void {
        // Until they are closed, they are the test's.
        $printing = false;
        $shut = function (string $now) use ($when, &$printing): void {
            if ($now === $when) {
                fclose(STDIN);
                fclose(STDOUT);
                fclose(STDERR);
                $printing = true;
            }
        };
        $print = function () use (&$printing): void {
            if ($printing) {
                echo 'LEAKED';
                trigger_error('LEAKED');
            }
        };
        ini_set('display_errors', 'stderr');
        // Else PHP ends a script whose output goes nowhere.
        ignore_user_abort(true);
        $shut('before it is made');
        $server = server(ioThreads: 1, logger: $when === 'before it is made' ? null : fn () => $print());
        $shut('before it starts');
        $server->onStart(function (Server $server) use ($shut, $report): void {
            $shut('in onStart');
            $report($server->addresses()[0]);
        });
        $server->onOpen(fn (Connection $connection) => $print());
        $server->onMessage(function (Connection $connection, string $data) use ($shut, $report, $print): void {
            if ($data === 'close them') {
                $shut('in a callback');
                $report('busy');
                // Meanwhile the network's thread accepts. PHP stops printing once it could not, so it prints only now.
                usleep(100_000);
                for ($i = 0; $i < 1000; $i++) {
                    $print();
                }
                $report('done');
            }
            $print();
            $connection->send($data);
        });
        $server->run();
        $report('stopped');
    });

    return [$child, $child->line()];
}

foreach (['before it is made', 'before it starts', 'in onStart', 'in a callback'] as $when) {
    [$child, $address] = printing($when);
    $clients = [Client::connect($address)];
    $clients[0]->send('close them');
    $child->line();
    $quiet = [];
    for ($i = 0; $i < 100; $i++) {
        // They say nothing yet, so nothing may be said to them.
        $quiet[] = stream_socket_client("tcp://$address");
    }
    $child->line();
    $heard = '';
    foreach ($quiet as $socket) {
        stream_set_blocking($socket, false);
        $heard .= fread($socket, 1000);
    }
    for ($i = 0; $i < 10; $i++) {
        $clients[] = Client::connect($address);
    }
    foreach ($clients as $i => $client) {
        $client->send("hello $i");
        $heard .= $client === $clients[0] && $client->text() !== 'close them' ? 'wrong' : '';
        $heard .= $client->text() === "hello $i" ? '' : 'wrong';
    }
    foreach ([0, 1, 2] as $number) {
        $file = @readlink("/proc/{$child->pid}/fd/$number");
        $heard .= $file === false || !str_starts_with($file, 'socket:') ? '' : "$number is $file";
    }
    unset($client, $clients, $quiet, $socket);
    $child->signal(SIGTERM);
    echo "$when: ", json_encode($heard), ', ', $child->line(), ', ', $child->end(), "\n";
}
?>
--EXPECT--
before it is made: "", stopped, exit 0
before it starts: "", stopped, exit 0
in onStart: "", stopped, exit 0
in a callback: "", stopped, exit 0
