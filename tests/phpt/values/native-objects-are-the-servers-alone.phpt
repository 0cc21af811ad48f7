--TEST--
Native objects cannot be made, extended, cloned, serialised or abused half-made
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Tag};

require __DIR__ . '/../support.inc';

$objects = [];
$server = $objects['Server'] = server();
$server->onHandshake(function (Handshake $handshake) use (&$objects): void {
    $objects['Handshake'] = $handshake;
    $objects['Request'] = $handshake->request;
});
$server->onOpen(function (Connection $connection) use (&$objects): void {
    $objects['Connection'] = $connection;
});
$server->start();
$objects['Timer'] = $server->after(10.0, fn () => null);
$objects['Audience'] = $server->to();
$objects['Tag'] = Tag::has('a');
$client = Client::connect($server);
waitFor($objects, 7, $server);
foreach ($objects as $name => $object) {
    $class = new \ReflectionClass($object);
    echo $name, ': ', json_encode([
        'final' => $class->isFinal(),
        'new' => $name === 'Server' ? 'Error' : thrownClass(fn () => new ($object::class)()),
        'clone' => thrownClass(fn () => clone $object),
        'serialize' => thrownClass(fn () => serialize($object)) !== 'nothing thrown',
        'unserialize' => thrownClass(fn () => unserialize('O:' . strlen($object::class) . ':"' . $object::class . '":0:{}')) !== 'nothing thrown',
    ]), "\n";
}
// However an object without a constructor call is got hold of, it does not crash.
foreach ($objects as $name => $object) {
    try {
        $half = (new \ReflectionClass($object))->newInstanceWithoutConstructor();
        foreach ((new \ReflectionClass($object))->getMethods() as $method) {
            if ($method->isPublic() && !$method->isConstructor() && $method->getNumberOfRequiredParameters() === 0) {
                thrown(fn () => $method->invoke($half));
            }
        }
        var_export($half instanceof $object);
    } catch (\Throwable) {
        echo 'true';
    }
    echo "\n";
}
$server->stop(0.0);
?>
--EXPECT--
Server: {"final":true,"new":"Error","clone":"Error","serialize":true,"unserialize":true}
Timer: {"final":true,"new":"Error","clone":"Error","serialize":true,"unserialize":true}
Audience: {"final":true,"new":"Error","clone":"Error","serialize":true,"unserialize":true}
Tag: {"final":true,"new":"Error","clone":"Error","serialize":true,"unserialize":true}
Handshake: {"final":true,"new":"Error","clone":"Error","serialize":true,"unserialize":true}
Request: {"final":true,"new":"Error","clone":"Error","serialize":true,"unserialize":true}
Connection: {"final":true,"new":"Error","clone":"Error","serialize":true,"unserialize":true}
true
true
true
true
true
true
true
