--TEST--
Response: what it holds, its two shorthands, and what it refuses
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Response;

require __DIR__ . '/../support.inc';

$show = fn (Response $response) => print(json_encode([$response->status, $response->body, $response->headers], JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE) . "\n");
$show(new Response());
$show(new Response('<p>hi', 201, ['Content-Type' => 'text/html', 'Set-Cookie' => ['a=b', 'c=d']]));
$show(Response::json(['ü' => 1.5, 'url' => 'https://a/b'], 422));
$show(Response::json(null));
$show(Response::redirect('https://chat.example/a?b=c#d'));
$show(Response::redirect('/', 308));
$response = new Response('a');
echo thrownClass(fn () => $response->body = 'x'), "\n";

foreach ([0, 100, 101, 199, 600, -1] as $status) {
    echo thrownClass(fn () => new Response('', $status)), ' ', thrownClass(fn () => Response::json(1, $status)), ' ';
}
echo thrownClass(fn () => Response::redirect('/', 200)), ' ', thrownClass(fn () => Response::redirect('/', 400)), "\n";
foreach (['', "/a\r\nX: y", '/a b', "/\0", '/ü'] as $to) {
    echo thrownClass(fn () => Response::redirect($to)), ' ';
}
echo "\n";
$wrong = [
    ['X-Injected' => "a\r\nSet-Cookie: b=c"],
    ['X-Injected' => "a\nb"],
    ['X-Injected' => "a\0b"],
    ['X-Injected' => ['fine', "a\rb"]],
    ["X-Bad\r\nName" => 'x'],
    ['X Bad' => 'x'],
    ['' => 'x'],
    ['X: y'],
    ['Content-Length' => '5'],
    ['transfer-encoding' => 'chunked'],
    ['Connection' => 'keep-alive'],
    ['Upgrade' => 'x'],
];
foreach ($wrong as $headers) {
    echo thrownClass(fn () => new Response(headers: $headers)), ' ';
}
echo "\n";
echo thrown(fn () => new Response(headers: ['X' => 1])), "\n";
echo thrown(fn () => new Response(headers: ['Content-Length' => '5'])), "\n";
echo thrownClass(fn () => Response::json(NAN)), ' ', thrownClass(fn () => Response::json("\xff")), "\n";
echo thrown(fn () => $response->__construct('b')), ' ', $response->body, "\n";
?>
--EXPECT--
[200,"",[]]
[201,"<p>hi",{"Content-Type":"text/html","Set-Cookie":["a=b","c=d"]}]
[422,"{\"ü\":1.5,\"url\":\"https://a/b\"}",{"Content-Type":"application/json"}]
[200,"null",{"Content-Type":"application/json"}]
[302,"",{"Location":"https://chat.example/a?b=c#d"}]
[308,"",{"Location":"/"}]
Error
ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError
ValueError ValueError ValueError ValueError ValueError 
ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError ValueError 
TypeError: Ferrite\Response::__construct(): Argument #3 ($headers) must have strings or lists of strings as values, at "X"
ValueError: Ferrite\Response::__construct(): Argument #3 ($headers) must be headers that may be sent: the header Content-Length is written by the server itself
JsonException JsonException
Error: Cannot modify readonly properties: constructed already a
