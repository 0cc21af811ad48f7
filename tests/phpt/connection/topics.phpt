--TEST--
subscribe() and unsubscribe(): fluent, several at once, all or nothing, bounded
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits};

require __DIR__ . '/../support.inc';

$open = null;
$server = server(limits: new Limits(maxTopics: 5));
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection;
});
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);
$topics = function () use (&$open): string {
    $topics = $open->topics();
    sort($topics);

    return implode(' ', $topics);
};
$longest = str_repeat('~', 200);
var_dump($open->subscribe('b', 'a', 'b') === $open, $topics());
var_dump($open->subscribe()->subscribe('a')->subscribe('user:7/{x}!') === $open, $topics());
var_dump($open->unsubscribe('a', 'unknown') === $open, $topics(), array_is_list($open->topics()));
foreach (['', 'two words', 'a,b', "tab\t", "a\n", "nul\0", 'größe', "\x7f", $longest . '~'] as $wrong) {
    echo thrownClass(fn () => $open->subscribe('fine', $wrong)), ' ';
}
echo "\n", $topics(), "\n";
$open->subscribe($longest, 'c', 'd');
echo thrownClass(fn () => $open->subscribe('e')), ' ', count($open->topics()), "\n";
$open->subscribe('d', 'c');
$open->unsubscribe('d')->subscribe('e');
echo thrownClass(fn () => $open->subscribe('f')), ' ', count($open->topics()), "\n";
echo $server->publish($longest, 'long'), $server->publish('d', 'left'), $server->publish('f', 'refused'), $server->publish('e', 'new'), "\n";
echo implode(', ', $client->texts(2)), "\n";
$server->stop(0.0);
?>
--EXPECT--
bool(true)
string(3) "a b"
bool(true)
string(15) "a b user:7/{x}!"
bool(true)
string(13) "b user:7/{x}!"
bool(true)
ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError 
b user:7/{x}!
ValueError 5
ValueError 5
1001
long, new
