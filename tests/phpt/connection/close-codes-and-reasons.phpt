--TEST--
close() takes the codes that may be sent and reasons that fit; anything else is a ValueError and sends nothing
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{CloseCode, Connection};

require __DIR__ . '/../support.inc';

$open = [];
$server = server();
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open[] = $connection;
});
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);
$refused = 0;
foreach ([-1, 0, 1, 999, 1002, 1004, 1005, 1006, 1014, 1015, 1016, 1100, 2000, 2999, 5000, 65536, PHP_INT_MAX] as $code) {
    $thrown = thrownClass(fn () => $open[0]->close($code));
    $thrown === 'ValueError' ? ++$refused : print("$code: $thrown\n");
}
foreach ([str_repeat('x', 124), str_repeat('ü', 62), "\xff"] as $reason) {
    $thrown = thrownClass(fn () => $open[0]->close(1000, $reason));
    $thrown === 'ValueError' ? ++$refused : print("$reason: $thrown\n");
}
var_dump($refused, $open[0]->isOpen());
$open[0]->close();
echo $client->closed(), "\n";

foreach ([1000, 1001, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 3000, 4999, CloseCode::GoingAway->value] as $i => $code) {
    $client = Client::connect($server);
    until(function () use (&$i, &$open): bool {
        return count($open) === $i + 2;
    }, $server);
    $open[$i + 1]->close($code, str_repeat('x', 123));
    // Without effect on a closing one.
    $open[$i + 1]->close(4000, 'second');
    var_dump($open[$i + 1]->isOpen());
    echo $client->closed() === "$code " . str_repeat('x', 123) ? $code : 'something else', "\n";
}
$server->stop(0.0);
?>
--EXPECT--
int(20)
bool(true)
1000
bool(false)
1000
bool(false)
1001
bool(false)
1003
bool(false)
1007
bool(false)
1008
bool(false)
1009
bool(false)
1010
bool(false)
1011
bool(false)
1012
bool(false)
1013
bool(false)
3000
bool(false)
4999
bool(false)
1001
