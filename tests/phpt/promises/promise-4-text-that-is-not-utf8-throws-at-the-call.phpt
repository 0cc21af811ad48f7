--TEST--
Promise 4: text that is not UTF-8 throws ValueError at the call, and nothing is sent
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server();
$open = null;
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection->subscribe('topic');
});
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);

foreach (["\xff", "ok\xc3", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xc0\x80"] as $text) {
    echo thrownClass(fn () => $open->send($text)), ' ',
        thrownClass(fn () => $server->send($open->id, $text)), ' ',
        thrownClass(fn () => $server->publish('topic', $text)), ' ',
        thrownClass(fn () => $server->broadcast($text)), "\n";
}
$open->send("grüß dich, \u{1F600}\0");
$open->send("\xff\xfe", true);
var_dump($client->text() === "grüß dich, \u{1F600}\0", bin2hex($client->binary()));
$server->stop(0.0);
?>
--EXPECT--
ValueError ValueError ValueError ValueError
ValueError ValueError ValueError ValueError
ValueError ValueError ValueError ValueError
ValueError ValueError ValueError ValueError
ValueError ValueError ValueError ValueError
bool(true)
string(4) "fffe"
