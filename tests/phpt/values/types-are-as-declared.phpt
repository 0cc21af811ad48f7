--TEST--
Names that are numbers become ints as keys of arrays, figures are ints, and connections() are arrays
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Server, Audience};

require __DIR__ . '/../support.inc';

foreach ([Server::class, Audience::class] as $class) {
    echo (new \ReflectionMethod($class, 'connections'))->getReturnType(), "\n";
}
$server = server();
$server->onHandshake(fn (Handshake $handshake) => $handshake->accept(tags: ['7' => 'seven']));
$seen = null;
$server->onOpen(function (Connection $connection) use ($server, &$seen): void {
    $request = $connection->request;
    $seen = [
        array_is_list($server->connections()) && array_is_list($server->to()->connections()),
        is_int(array_search(['x'], $request->headers(), true)),
        $request->cookies() === [12 => 'y'],
        $connection->tags() === [7 => 'seven'],
        array_filter($server->stats(), is_int(...)) === $server->stats(),
    ];
});
$server->start();
$client = Client::connect($server, '/', ['123' => 'x', 'Cookie' => '12=y']);
waitFor($seen, 5, $server);
echo json_encode($seen), "\n";
$server->stop(0.0);
?>
--EXPECT--
array
array
[true,true,true,true,true]
