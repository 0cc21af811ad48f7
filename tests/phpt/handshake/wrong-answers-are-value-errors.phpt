--TEST--
Header injection, reserved headers, an unoffered protocol, bad topics and statuses: ValueError, nothing is sent
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Handshake, Limits};

require __DIR__ . '/../support.inc';

$server = server(limits: new Limits(maxTopics: 2));
$server->onHandshake(function (Handshake $handshake): void {
    $headers = [
        ['X-Injected' => "a\r\nSet-Cookie: b=c"],
        ['X-Injected' => "a\nb"],
        ['X-Injected' => "a\rb"],
        ['X-Injected' => "a\0b"],
        ['X-Injected' => ['fine', "a\r\nb"]],
        ["X-Bad\r\nName" => 'x'],
        ['X Bad' => 'x'],
        ['X:Bad' => 'x'],
        ['' => 'x'],
        [0 => 'X-Injected: x'],
        ['Sec-WebSocket-Accept' => 'x'],
        ['connection' => 'close'],
        ['Upgrade' => 'x'],
        ['Transfer-Encoding' => 'chunked'],
        ['Content-Length' => '5'],
    ];
    foreach ($headers as $i => $wrong) {
        foreach ([fn () => $handshake->accept(headers: $wrong), fn () => $handshake->reject(headers: $wrong)] as $call) {
            $thrown = thrownClass($call);
            $thrown === 'ValueError' || print("header $i: $thrown\n");
        }
    }
    foreach (['other', '', 'off', "offered\r\n"] as $protocol) {
        echo thrownClass(fn () => $handshake->accept(protocol: $protocol)), ' ';
    }
    echo "\n";
    foreach ([['two words'], [''], ['a', 'b', 'c']] as $topics) {
        echo thrownClass(fn () => $handshake->accept(topics: $topics)), ' ';
    }
    echo "\n";
    foreach ([-1, 0, 100, 101, 200, 299, 600, 1000] as $status) {
        echo thrownClass(fn () => $handshake->reject($status)), ' ';
    }
    echo "\n";
    // After all that it is still open to a right answer.
    $handshake->accept(protocol: 'offered', headers: ['X-Fine' => "tab\tand ünïcode"]);
});
$server->start();
$client = Client::connect($server, '/', ['Sec-WebSocket-Protocol' => 'offered']);
var_dump($client->headers['x-fine'], isset($client->headers['x-injected']), isset($client->headers['set-cookie']));
$server->stop(0.0);
?>
--EXPECT--
ValueError ValueError ValueError ValueError 
ValueError ValueError ValueError 
ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError 
array(1) {
  [0]=>
  string(17) "tab	and ünïcode"
}
bool(false)
bool(false)
