--TEST--
The stream of stream() may be made blocking, read, written and closed: poll() goes on, and a closed one is replaced
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

function readable($stream, float $seconds): bool
{
    $read = [$stream];
    $write = $except = null;

    return stream_select($read, $write, $except, (int) $seconds, (int) (fmod($seconds, 1) * 1e6)) === 1;
}

$server = server();
$server->onMessage(fn (Connection $connection, string $data) => $connection->send($data));
$server->start();
$client = Client::connect($server);
$poll = function () use ($server): void {
    while ($server->poll() > 0);
};
$is = function (string $what, $stream) use ($server, $client, $poll): void {
    $poll();
    echo $what, ': ', readable($stream, 0.0) ? 'readable' : 'quiet';
    $client->send($what);
    echo readable($stream, patience(5)) ? ', readable' : ', quiet';
    $poll();
    echo readable($stream, 0.0) ? ', readable' : ', quiet', $client->text() === $what ? "\n" : "?\n";
};

$stream = $server->stream();
$is('at first', $stream);
stream_set_blocking($stream, true);
$is('blocking', $stream);
@fread($stream, 8);
@fwrite($stream, '12345678');
@fgets($stream);
$is('read and written', $stream);
$client->send('more');
readable($stream, patience(5));
@fread($stream, 8);
echo readable($stream, 0.0) ? "what was there is there\n" : "it was taken\n";
$poll();
$client->text();

fclose($stream);
echo gettype($stream), ', ', $server->poll(), "\n";
$next = $server->stream();
echo is_resource($next) && $next === $server->stream() ? "another\n" : "the same\n";
$is('after the end of the one before', $next);
stream_set_blocking($next, true);
unset($next);
$is('given again', $server->stream());

// The numbers of the standard streams are never taken.
fclose(STDIN);
fclose($server->stream());
$low = $server->stream();
$number = fopen('php://memory', 'r');
echo is_dir('/proc/self/fd') && @readlink('/proc/self/fd/0') === 'anon_inode:[eventpoll]' ? "it took 0\n" : "0 is free\n";
$server->stop(0.0);
?>
--EXPECT--
at first: quiet, readable, quiet
blocking: quiet, readable, quiet
read and written: quiet, readable, quiet
what was there is there
resource (closed), 0
another
after the end of the one before: quiet, readable, quiet
given again: quiet, readable, quiet
0 is free
