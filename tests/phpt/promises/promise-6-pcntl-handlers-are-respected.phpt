--TEST--
Promise 6: a handler installed with pcntl is called while the server waits, with async signals and without
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

foreach ([true, false] as $async) {
    [$child, $address] = Child::serve(function (Server $server, callable $report) use ($async): void {
        pcntl_async_signals($async);
        pcntl_signal(SIGTERM, fn (int $signal) => $report("my SIGTERM handler"));
        pcntl_signal(SIGUSR1, function () use ($server, $report): void {
            $report('my SIGUSR1 handler');
            $server->stop(5.0);
        });
        $server->onMessage(fn (Connection $connection, string $data) => $connection->send($data));
    });
    $client = Client::connect($address);
    $child->signal(SIGTERM);
    echo $child->line(), "\n";
    $client->send('still served');
    echo $client->text(), "\n";
    $child->signal(SIGTERM);
    echo $child->line(), "\n";
    $child->signal(SIGUSR1);
    echo $child->line(), ', ', $client->closed(), ', ', $child->end(), "\n";
}
?>
--EXPECTF--
my SIGTERM handler
still served
my SIGTERM handler
my SIGUSR1 handler, 1001%S, exit 0
my SIGTERM handler
still served
my SIGTERM handler
my SIGUSR1 handler, 1001%S, exit 0
