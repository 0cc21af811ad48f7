--TEST--
Protocol\Gomoob: texts go to whom the tags say without PHP, and with it where a parser or an authoriser is given
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};
use Ferrite\Protocol\Gomoob;

require __DIR__ . '/../support.inc';

$url = fn (array $tags): string => '/?tags=' . urlencode(json_encode((object) $tags));
$send = fn (Client $from, mixed $message, array $more = []) => $from->send(json_encode(['message' => $message] + $more));

// Without PHP: nothing is registered.
$server = server(ioThreads: 2, dialect: new Gomoob());
$server->start();
$fr = Client::connect($server, $url(['language' => 'FR', 'id' => 1]));
$en = Client::connect($server, $url(['language' => 'EN']));
$plain = Client::connect($server);
$send($plain, 'Bonjour é /', ['tags' => ['language' => 'FR']]);
$send($plain, 'to nobody', ['tags' => ['language' => 'FR', 'role' => 'nobody']]);
$send($plain, 'one', ['tags' => ['id' => '1'], 'metadata' => ['any' => [['depth']]]]);
$send($plain, 'all');
echo implode(' ', $fr->texts(3)), "\n", $en->text(), ' ', $plain->text(), "\n";
echo Client::ask($server, '/?tags=[1.5]')->body;
$plain->sendBinary('{"message":"binary"}');
echo $plain->text(), "\n";
// Whatever a client sends costs that client alone.
foreach (['x', '{"message":"a","tags":null}', '{"message":"a","metadata":null}', str_repeat('[', 100_000), "\xff"] as $bad) {
    $client = Client::connect($server);
    $bad === "\xff" ? $client->sendBinary($bad) : $client->send($bad);
    echo $client->closed(), "\n";
}
$server->stop(0.0);

// As the original: whom it would have sent to.
$server = server(dialect: new Gomoob(legacy: true));
$server->start();
$fr = Client::connect($server, $url(['language' => 'FR']));
$send($fr, 'who?', ['tags' => ['role' => 'nobody', 'language' => 'FR']]);
echo $fr->text(), "\n";
$server->stop(0.0);

// With PHP.
$parser = function (array $message): array {
    return isset($message['type']) ? ['parsed' => $message] : throw new \InvalidArgumentException("No 'type' property found !");
};
$asked = [];
$authorize = function (Connection $from, mixed $message, array $tags, array $metadata) use (&$asked): mixed {
    $asked[] = json_encode([$from->user, $message, $tags, $metadata]);

    return $metadata['answer'] ?? true;
};
$server = server(dialect: new Gomoob(messageParser: $parser, authorizeSend: $authorize));
$server->onHandshake(function (Handshake $handshake): void {
    $handshake->request->query()['user'] === 'eve'
        ? $handshake->reject(401)
        : $handshake->accept(user: $handshake->request->query()['user'], tags: ['language' => 'DE']);
});
$open = [];
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open[] = json_encode($connection->tags());
});
$heard = [];
$server->onMessage(function (Connection $from, string $data) use (&$heard): void {
    $heard[] = strlen($data);
});
$errors = [];
$server->onError(function (\Throwable $error, ?Connection $from) use (&$errors): void {
    $errors[] = str_replace((string) $from->id, 'N', $error::class . ": {$error->getMessage()} ({$from->user})");
});
$server->start();
echo Client::ask($server, '/?user=eve')->status, ' ', Client::ask($server, '/?user=ann&tags=x')->status, "\n";
$ann = Client::connect($server, '/?user=ann&tags={%22language%22:%22FR%22,%22id%22:7}');
$send($ann, ['type' => 'T', 'deep' => [1, null]], ['tags' => ['id' => 7], 'metadata' => ['key' => 'k']]);
$send($ann, 'text');
$send($ann, (object) [], ['metadata' => []]);
echo implode("\n", $ann->texts(2)), "\n", $ann->closed(), "\n";
foreach ([false, 1, null] as $answer) {
    $bob = Client::connect($server, '/?user=bob');
    $send($bob, "$answer", ['metadata' => ['answer' => $answer]]);
    if ($answer === null) {
        echo $bob->text(), "\n";
    } else {
        echo $bob->closed(), "\n";
    }
}
$send($bob, 5);
echo $bob->closed(), "\n";
waitFor($errors, 4, $server);
echo implode("\n", [...$open, ...$asked, ...$errors]), "\n", count($heard), "\n";
$server->stop(0.0);

// Its closures know the server, and it goes all the same.
$server = server(dialect: new Gomoob(authorizeSend: function () use (&$server): bool {
    return true;
}));
$seen = \WeakReference::create($server);
unset($server);
gc_collect_cycles();
var_dump($seen->get());
echo thrown(fn () => server(dialect: new \stdClass())), "\n";
echo thrown(fn () => new Gomoob(messageParser: 'no function')), "\n";
?>
--EXPECT--
"Bonjour \u00e9 \/" "one" "all"
"all" "all"
The '0' tag is not an integer or a string !
"binary"
1000
1000
1000
1000
1000
"who?"
401 400
{"parsed":{"type":"T","deep":[1,null]}}
"text"
1000
1000
1000
""
1000
{"language":"DE","id":7}
{"language":"DE"}
{"language":"DE"}
{"language":"DE"}
["ann",{"parsed":{"type":"T","deep":[1,null]}},{"id":7},{"key":"k"}]
["ann","text",[],[]]
["bob","",[],{"answer":false}]
["bob","1",[],{"answer":1}]
["bob","",[],{"answer":null}]
InvalidArgumentException: No 'type' property found ! (ann)
InvalidArgumentException: Message sending is not authorized on WebSocket connection with resource id 'N' ! (bob)
InvalidArgumentException: Message sending is not authorized on WebSocket connection with resource id 'N' ! (bob)
InvalidArgumentException: Invalid 'message' property ! (bob)
7
NULL
TypeError: Ferrite\Server::__construct(): Argument #13 ($dialect) must be of type ?Ferrite\Protocol\Gomoob
TypeError: Ferrite\Protocol\Gomoob::__construct(): Argument #2 ($messageParser) must be a valid callback, function "no function" not found or invalid function name
