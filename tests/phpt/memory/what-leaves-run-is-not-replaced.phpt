--TEST--
What leaves run() is not replaced by what destructors throw on the way: exit() keeps its code, a handler's exception arrives
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

final class Bomb
{
    public function __destruct()
    {
        throw new \LogicException('the end of a value');
    }
}

/** A server whose clients and timers have values that throw when they end. */
function loaded(callable $full): Server
{
    $server = server();
    $opened = 0;
    $server->onOpen(function (Connection $connection) use ($server, $full, &$opened): void {
        $connection->data = new Bomb();
        if (++$opened === 3) {
            $full();
        }
    });
    $bomb = new Bomb();
    $server->after(600, fn () => $bomb);
    $server->onError(fn () => print("not for onError\n"));

    return $server;
}

function shown(string $output): string
{
    return substr_count($output, 'Warning: Uncaught LogicException: the end of a value') . ' are shown';
}

// exit() in a callback.
[$child, $address] = Child::serve(function (Server $server): void {
    $inner = loaded(fn () => exit(7));
    ob_start(fn (string $output): string => '');
    $server->after(0, function () use ($inner): void {
        play($inner, function () use ($inner): void {
            $clients = [];
            for ($i = 0; $i < 3; ++$i) {
                $clients[] = Client::connect($inner->addresses()[0]);
            }
            for (;;) {
                \Fiber::suspend();
            }
        });
    });
});
echo $child->end(), "\n";

// An exception of a signal handler.
pcntl_async_signals(false);
pcntl_signal(SIGUSR1, fn () => throw new \DomainException('from the handler'));
$server = loaded(fn () => exec("kill -USR1 " . getmypid()));
ob_start();
try {
    play($server, function () use ($server): void {
        $clients = [];
        for ($i = 0; $i < 3; ++$i) {
            $clients[] = Client::connect($server->addresses()[0]);
        }
        for (;;) {
            \Fiber::suspend();
        }
    });
    $result = 'run() returned';
} catch (\Throwable $error) {
    $result = $error::class . ' ' . $error->getMessage() . ' ' . ($error->getPrevious() === null ? 'alone' : 'and others');
}
$output = ob_get_clean();
echo $result, ', ', shown($output), "\n";
$server->start();
$server->stop(0.0);
echo "the server can be started again\n";
?>
--EXPECT--
exit 7
DomainException from the handler alone, 4 are shown
the server can be started again
