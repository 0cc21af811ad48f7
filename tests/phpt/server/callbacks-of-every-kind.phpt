--TEST--
Callbacks are fluent, of every kind of callable, and registering again replaces
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

class Target
{
    public function method(Connection $connection, string $data): void
    {
        $connection->send("method $data");
    }

    public static function staticMethod(Connection $connection, string $data): void
    {
        $connection->send("static $data");
    }

    public function __invoke(Connection $connection, string $data): void
    {
        $connection->send("invoke $data");
    }

    public function __call(string $name, array $arguments): void
    {
        $arguments[0]->send("__call $name $arguments[1]");
    }

    public static function __callStatic(string $name, array $arguments): void
    {
        $arguments[0]->send("__callStatic $name $arguments[1]");
    }
}

function aFunction(Connection $connection, string $data): void
{
    $connection->send("function $data");
}

$server = server();
foreach (['onHandshake', 'onOpen', 'onMessage', 'onClose', 'onError', 'onDrain', 'onStart', 'onStop'] as $method) {
    if ($server->$method(fn () => null) !== $server) {
        echo "$method is not fluent\n";
    }
    if (thrownClass(fn () => $server->$method('no such function')) !== 'TypeError') {
        echo "$method takes anything\n";
    }
}
$server->start();
$client = Client::connect($server);
$target = new Target();
$callables = [
    fn (Connection $connection, string $data) => $connection->send("closure $data"),
    'Ferrite\Tests\aFunction',
    aFunction(...),
    [$target, 'method'],
    $target->method(...),
    [Target::class, 'staticMethod'],
    Target::class . '::staticMethod',
    $target,
    [$target, 'anything'],
    $target->anything(...),
    [Target::class, 'something'],
];
unset($target);
foreach ($callables as $callable) {
    $server->onMessage($callable);
    unset($callable);
    $client->send('one', 'two');
    echo implode(', ', $client->texts(2)), "\n";
}
$server->stop(0.0);
?>
--EXPECT--
closure one, closure two
function one, function two
function one, function two
method one, method two
method one, method two
static one, static two
static one, static two
invoke one, invoke two
__call anything one, __call anything two
__call anything one, __call anything two
__callStatic something one, __callStatic something two
