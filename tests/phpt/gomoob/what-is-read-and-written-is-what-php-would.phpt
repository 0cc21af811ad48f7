--TEST--
Protocol\Gomoob: frames are read and messages written as PHP's JSON functions do, with the package's classes as the oracle
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Protocol\Gomoob;
use Gomoob\WebSocket\Request\WebSocketRequest;

require __DIR__ . '/../support.inc';
foreach (['IMessageParser', 'IWebSocketRequest', 'Util/Tags', 'Request/WebSocketRequest'] as $class) {
    require __DIR__ . "/../../../php/gomoob/$class.php";
}

$seed = random_int(0, PHP_INT_MAX);
mt_srand($seed);
$one = fn (array $of): mixed => $of[mt_rand(0, count($of) - 1)];
$text = function () use ($one): string {
    $text = '';
    for ($n = mt_rand(0, 5); $n > 0; $n--) {
        $text .= $one(['a', '"', '\\', '/', "\n", "\t", "\x08", "\x0c", "\r", "\0", "\x1f", "\x7f", 'é', "\u{7ff}", "\u{2028}", "\u{ffff}", "\u{10000}", '👋', '<', '&', "'"]);
    }

    return $text;
};
$value = fn (): mixed => $one([fn () => $text(), fn () => mt_rand(), fn () => null, fn () => true, fn () => 1.5, fn () => [], fn () => [1, ['a' => null]]])();
// A text of JSON, or nearly, with keys in any order and perhaps twice.
$frame = function () use ($one, $text, $value): string {
    $pairs = mt_rand(0, 1) === 0 ? [] : ['"message":' . json_encode($text(), mt_rand(0, 1) * JSON_UNESCAPED_UNICODE)];
    for ($more = mt_rand(0, 2); $more > 0; $more--) {
        $key = $one([...array_fill(0, 6, 'message'), ...array_fill(0, 4, 'tags'), ...array_fill(0, 4, 'metadata'), 'x', '0', '']);
        $pairs[] = json_encode($key) . ':' . $one([
            fn () => json_encode($key === 'message' ? $text() : ['a' => $one([1, 'b'])]),
            fn () => json_encode($value(), mt_rand(0, 1) * JSON_UNESCAPED_UNICODE),
            fn () => json_encode([$one(['a', '1', '01', '-1', '-0', '9223372036854775808', '']) => $value()]),
            fn () => $one(['9223372036854775807', '9223372036854775808', '-0', '1e2', '"\ud83d"', '"\ud83d\udc4b"', '01', '{"a":1,"b":2.0,"a":3}']),
        ])();
    }
    $json = '{' . implode(',', $pairs) . '}';

    return mt_rand(0, 9) > 0 ? $json : $one([substr($json, 0, -1), " $json\n", "[$json]", '[]', '"a"', 'null', ' null', '5', '']);
};
$errors = [];
$server = server(dialect: new Gomoob());
$server->onError(function (\Throwable $error) use (&$errors): void {
    $errors[] = $error::class . ': ' . $error->getMessage();
});
$server->start();
$witness = Client::connect($server);
$client = Client::connect($server);
$counts = ['sent' => 0, 'refused' => 0];
for ($n = 0; $n < 400; $n++) {
    $json = $frame();
    try {
        $request = WebSocketRequest::createFromJSON($json);
        // Everybody is whom the witness hears for: with tags nobody is.
        $expected = $request->getTags() === [] ? json_encode($request->getMessage()) : 'sent to nobody';
    } catch (\InvalidArgumentException $error) {
        $expected = $error::class . ': ' . $error->getMessage();
    }
    $client->send($json);
    if ($expected === 'sent to nobody') {
        $client->send('{"message":"sent to nobody"}');
        $expected = '"sent to nobody"';
    }
    if ($expected[0] === '"') {
        $actual = $witness->text();
        $client->text();
        $counts['sent']++;
    } else {
        $client->closed();
        $actual = array_shift($errors);
        $client = Client::connect($server);
        $counts['refused']++;
    }
    if ($actual !== $expected) {
        echo "seed $seed: ", json_encode($json), " gives $actual instead of $expected\n";
        break;
    }
}
var_dump($errors, min($counts) > 30);
?>
--EXPECT--
array(0) {
}
bool(true)
