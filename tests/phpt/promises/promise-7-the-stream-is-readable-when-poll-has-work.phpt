--TEST--
Promise 7: stream_select() on stream() wakes for events and for due timers, and only for them
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
$server->onMessage(fn (Connection $connection, string $data) => $connection->send("echo $data"));
$server->start();
$stream = $server->stream();
var_dump(is_resource($stream), get_resource_type($stream), $server->stream() === $stream);

$client = Client::connect($server);
while ($server->poll() > 0);
echo 'nothing to do: ';
var_dump(readable($stream, 0));

for ($i = 0; $i < 3; ++$i) {
    $client->send("message $i");
    echo 'message: ';
    var_dump(readable($stream, patience(5)), $server->poll(), readable($stream, 0));
    echo $client->text(), "\n";
}

foreach ([0.0, 0.02] as $seconds) {
    $server->after($seconds, function () use ($seconds): void {
        echo "timer $seconds\n";
    });
    $start = hrtime(true);
    var_dump(readable($stream, patience(5)), hrtime(true) - $start < patience(2) * 1e9);
    var_dump($server->poll(), readable($stream, 0));
}
$server->after(0.01, fn () => null)->cancel();
$server->after(0.02, function (): void {
    echo "the other one\n";
});
while ($server->poll(1.0) === 0);

$client->close();
echo 'close: ';
var_dump(readable($stream, patience(5)));
$server->stop(0.0);
?>
--EXPECT--
bool(true)
string(6) "stream"
bool(true)
nothing to do: bool(false)
message: bool(true)
int(1)
bool(false)
echo message 0
message: bool(true)
int(1)
bool(false)
echo message 1
message: bool(true)
int(1)
bool(false)
echo message 2
bool(true)
bool(true)
timer 0
int(1)
bool(false)
bool(true)
bool(true)
timer 0.02
int(1)
bool(false)
the other one
close: bool(true)
