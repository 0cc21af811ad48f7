--TEST--
broadcast() and publish() say how many they were addressed to, and leave out whom they are told to
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$open = [];
$server = server(ioThreads: 2);
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open[$connection->request->path] = $connection;
});
$server->start();
$clients = [];
foreach (['/a', '/b', '/c'] as $path) {
    $clients[$path] = Client::connect($server, $path);
    until(function () use (&$open, &$path): bool {
        return isset($open[$path]);
    }, $server);
}
$open['/a']->subscribe('news', 'a-only');
$open['/b']->subscribe('news');

echo $server->broadcast('to all'), ' ';
echo $server->broadcast('to b and c', except: $open['/a']), ' ';
echo $server->broadcast('to c', except: [$open['/a'], $open['/b']->id]), ' ';
echo $server->broadcast('to b and c again', except: [$open['/a']->id, $open['/a'], -1, PHP_INT_MAX]), ' ';
echo $server->broadcast('to nobody', except: array_values($open)), ' ';
echo $server->broadcast('to all too', except: []), "\n";
echo $server->publish('news', 'news'), ' ';
echo $server->publish('news', 'news but a', except: $open['/a']), ' ';
echo $server->publish('news', 'news but c', except: $open['/c']), ' ';
echo $server->publish('a-only', 'a'), ' ';
echo $server->publish('nothing', 'nobody'), ' ';
echo $server->publish('news', 'bytes', true), "\n";
foreach ($clients as $path => $client) {
    $open[$path]->close(4000);
    echo $path, ': ', implode(', ', $client->rest()), "\n";
}
foreach ([['x'], [null], [1.5], 1, 'x'] as $wrong) {
    echo thrownClass(fn () => $server->broadcast('x', except: $wrong)), ' ';
}
echo "\n";
foreach (['', 'two words', 'a,b', "a\n", "\0", 'ü', str_repeat('x', 201)] as $wrong) {
    echo thrownClass(fn () => $server->publish($wrong, 'x')), ' ';
}
echo "\n";
$server->stop(0.0);
echo $server->broadcast('x'), $server->publish('news', 'x'), "\n";
?>
--EXPECT--
3 2 1 2 0 3
2 1 2 1 0 2
/a: to all, to all too, news, news but c, a, bytes, 4000
/b: to all, to b and c, to b and c again, to all too, news, news but a, news but c, bytes, 4000
/c: to all, to b and c, to c, to b and c again, to all too, 4000
TypeError TypeError TypeError TypeError TypeError 
ValueError ValueError ValueError ValueError ValueError ValueError ValueError 
00
