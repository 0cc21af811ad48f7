--TEST--
poll() inside a callback is a StateException, whatever called the callback, and the server goes on
--EXTENSIONS--
ferrite
posix
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Request, Server};

require __DIR__ . '/../support.inc';

const REFUSED = 'Ferrite\StateException: poll() was called inside a callback: '
    . 'return from it, or wait in a Fiber of your own';

/** Polls without end, as long as it is let. */
$wait = function (string $where) use (&$server, &$seen): void {
    $seen[$where] = thrown(fn () => $server->poll(0.01));
};
$seen = [];
$server = server(logger: function (string $level, string $message) use ($wait): void {
    $wait('logger');
});
$server->onHandshake(fn (Handshake $handshake) => $wait('handshake'))
    ->onOpen(fn (Connection $connection) => $wait('open'))
    ->onClose(fn (Connection $connection) => $wait('close'))
    ->onRequest(function (Request $request) use ($wait): string {
        $wait('request');

        return 'answered';
    })
    ->onAuthorize(function () use ($wait): bool {
        $wait('authorize');

        return true;
    })
    ->onSubscribe('*', function () use ($wait): bool {
        $wait('rule');

        return true;
    })
    ->onError(fn () => $wait('error'))
    ->onStart(fn () => $wait('start'))
    ->onStop(fn () => $wait('stop'));
final class Polls
{
    public function __construct(private \Closure $wait)
    {
    }

    public function __destruct()
    {
        ($this->wait)('destructor');
    }
}
$server->onMessage(function (Connection $connection, string $data) use ($wait): void {
    $wait('message');
    $connection->subscribe('room');
    new Polls($wait);
    ob_start(function (string $text) use ($wait): string {
        $wait('output');

        return '';
    });
    echo 'x';
    ob_end_clean();
    $connection->send($data);
    throw new \RuntimeException();
});
$server->start();
$timer = $server->every(0.001, fn () => $wait('timer'));
pcntl_signal(SIGUSR1, fn () => $wait('signal'));
$server->after(0.0, fn () => posix_kill(getmypid(), SIGUSR1));
until(function () use (&$seen): bool {
    return isset($seen['timer'], $seen['signal']);
}, $server);
$timer->cancel();
// It knows the server, and would keep it from the cycle collector.
pcntl_signal(SIGUSR1, SIG_DFL);
$client = Client::connect($server);
$client->send('hello');
echo $client->text(), ' ', $client->closed(), "\n";
$request = stream_socket_client('tcp://' . $server->addresses()[0]);
fwrite($request, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
until(function () use (&$seen): bool {
    return isset($seen['request'], $seen['close']);
}, $server);
$server->stop(0.0);
ksort($seen);
foreach ($seen as $where => $thrown) {
    echo $where, $thrown === REFUSED ? '' : ": $thrown", "\n";
}
?>
--EXPECT--
hello 1011
authorize
close
destructor
error
handshake
logger
message
open
output
request
rule
signal
start: Ferrite\StateException: The server is not started yet
stop
timer
