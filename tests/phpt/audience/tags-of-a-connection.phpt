--TEST--
tag(), untag(), tags(): fluent, as they were given, all or nothing, bounded
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Limits};

require __DIR__ . '/../support.inc';

$open = null;
$server = server(limits: new Limits(maxTags: 4));
$server->onHandshake(function (Handshake $handshake): void {
    foreach ([['a' => 1.5], ['a' => null], ['a' => ['x']]] as $wrong) {
        echo thrownClass(fn () => $handshake->accept(tags: $wrong)), ' ';
    }
    foreach ([['' => 1], ["a\0" => 1], ['a' => "\xff"], ['a' => str_repeat('x', 201)], array_fill(0, 5, 1)] as $wrong) {
        echo thrownClass(fn () => $handshake->accept(tags: $wrong)), ' ';
    }
    echo "\n";
    $handshake->accept(tags: ['lang' => 'FR', 'id' => 12, 7 => '7']);
});
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection;
});
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);
var_dump($open->tags());
var_dump($open->tag('id', '012')->tag("\"*' &|", "\0") === $open);
echo json_encode($open->tags()), "\n";
echo thrownClass(fn () => $open->tag('fifth', 1)), ' ', thrownClass(fn () => $open->tag('', 1)), ' ', thrownClass(fn () => $open->tag('id', "\xff")), ' ';
echo thrownClass(fn () => $open->tag('id', 1.5)), "\n";
echo json_encode($open->untag('id', 'none', '7')->tags()), "\n";
$open->close();
echo json_encode($open->tag('late', 1)->tags()), "\n";
$server->stop(0.0);
echo json_encode($open->tag('later', 1)->untag('lang')->tags()), "\n";
?>
--EXPECT--
TypeError TypeError TypeError ValueError ValueError ValueError ValueError ValueError 
array(3) {
  ["lang"]=>
  string(2) "FR"
  ["id"]=>
  int(12)
  [7]=>
  string(1) "7"
}
bool(true)
{"lang":"FR","id":"012","7":"7","\"*' &|":"\u0000"}
ValueError ValueError ValueError TypeError
{"lang":"FR","\"*' &|":"\u0000"}
[]
[]
