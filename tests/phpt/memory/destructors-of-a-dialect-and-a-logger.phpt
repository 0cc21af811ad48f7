--TEST--
What destructors throw when a dialect or a logger has been called reaches onError; exit() in one leaves
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Protocol\Gomoob, Server};

require __DIR__ . '/../support.inc';

final class Bomb implements \JsonSerializable
{
    public function __construct(private string $what)
    {
    }

    public function jsonSerialize(): string
    {
        return $this->what;
    }

    public function __destruct()
    {
        throw new \LogicException("the end of $this->what");
    }
}

function fragile(\ArrayObject $log): Server
{
    $server = server(
        logger: fn (string $level, string $message): Bomb => new Bomb(strtok($message, ':') === $message ? 'a line' : 'a line with a colon'),
        dialect: new Gomoob(
            messageParser: fn (array $message): Bomb => new Bomb("a message of $message[0]"),
            authorizeSend: fn (Connection $connection, Bomb $message, array $tags): mixed
                => $tags['to'] === 'nobody' ? new Bomb('an answer') : true,
        ),
    );
    $server->onError(function (\Throwable $error, ?Connection $connection) use ($log): void {
        $log[] = ($connection?->request->path ?? 'nobody') . ': ' . preg_replace('/\d+/', 'N', $error->getMessage());
    });

    return $server;
}

function clients(Server $server): void
{
    $to = \Fiber::getCurrent() === null ? $server : $server->addresses()[0];
    $ann = Client::connect($to, '/ann?tags=%7B%22to%22%3A%22ann%22%7D');
    $bob = Client::connect($to, '/bob?tags=%7B%22to%22%3A%22bob%22%7D');
    foreach (['one', 'two'] as $text) {
        $ann->send(json_encode(['message' => [$text], 'tags' => ['to' => 'bob']]));
        echo $bob->text(), "\n";
        $bob->send(json_encode(['message' => [$text], 'tags' => ['to' => 'ann']]));
        echo $ann->text(), "\n";
    }
    $ann->send(json_encode(['message' => ['three'], 'tags' => ['to' => 'nobody']]));
    echo $ann->closed(), "\n";
    $bob->send(json_encode(['message' => ['four'], 'tags' => ['to' => 'bob']]));
    echo $bob->text(), "\n";
}

$log = new \ArrayObject();
$server = fragile($log);
$server->start();
clients($server);
$server->stop(0.0);
unset($server);
$lines = array_count_values($log->getArrayCopy());
ksort($lines);
print_r($lines);
$again = new \ArrayObject();
play(fragile($again), fn () => null);
echo count($again) > 0 ? "run() returns\n" : "nothing reported\n";

// Somebody leaves by the end of a value.
$server = server();
$server->onOpen(fn (Connection $connection) => new class {
    public function __destruct()
    {
        echo "exit\n";
        exit(0);
    }
});
$server->onError(fn () => print("never heard\n"));
for ($i = 0; $i < 3; ++$i) {
    $server->onClose(fn () => print("never called\n"));
}
play($server, function () use ($server): void {
    Client::connect($server->addresses()[0]);
    for (;;) {
        \Fiber::suspend();
    }
});
echo "never reached\n";
?>
--EXPECT--
"a message of one"
"a message of one"
"a message of two"
"a message of two"
1000
"a message of four"
Array
(
    [/ann: Message sending is not authorized on WebSocket connection with resource id 'N' !] => 1
    [/ann: the end of a message of one] => 1
    [/ann: the end of a message of three] => 1
    [/ann: the end of a message of two] => 1
    [/ann: the end of an answer] => 1
    [/bob: the end of a message of four] => 1
    [/bob: the end of a message of one] => 1
    [/bob: the end of a message of two] => 1
    [nobody: the end of a line with a colon] => 3
)
run() returns
exit
