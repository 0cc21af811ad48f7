--TEST--
A dialect and the servers that speak it each own its closures: any of them may be collected first
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Protocol\Gomoob, Server};

require __DIR__ . '/../support.inc';

function parser(mixed $of): \Closure
{
    return function (array $message) use ($of): string {
        return 'parsed by ' . gettype($of) . ': ' . implode(',', $message);
    };
}

/** Asks the dialect by way of a server that speaks it. */
function ask(Server $server): string
{
    $server->start();
    $client = Client::connect($server);
    $client->send(json_encode(['message' => ['a', 'b'], 'tags' => []]));
    $text = $client->text();
    $server->stop(0.0);

    return $text;
}

// The dialect is left.
$gomoob = (function (): Gomoob {
    $gomoob = new Gomoob(messageParser: parser(null), authorizeSend: parser(null));
    $server = server(dialect: $gomoob);

    return $gomoob;
})();
gc_collect_cycles();
$mine = fn (): string => 'mine';
$other = server(dialect: new Gomoob(messageParser: parser(null)));
$seen = \WeakReference::create($gomoob);
unset($gomoob);
gc_collect_cycles();
echo $mine(), "\n";
var_dump($seen->get());

// A server is left, of two.
$servers = (function (): array {
    $box = new \stdClass();
    $gomoob = $box->gomoob = new Gomoob(messageParser: fn (array $message): string => get_class($box) . ' ' . $message[0]);
    $box->server = server(dialect: $gomoob);

    return [\WeakReference::create($box), \WeakReference::create($gomoob), server(dialect: $gomoob)];
})();
gc_collect_cycles();
[$box, $gomoob, $server] = $servers;
unset($servers);
// The closure that the server speaks with keeps both.
var_dump($box->get() instanceof \stdClass, $gomoob->get() instanceof Gomoob);
echo ask($server), "\n";
unset($server);
gc_collect_cycles();
var_dump($box->get(), $gomoob->get());
echo ask($other), "\n";
unset($other);

// An application that keeps both, and is kept by the closure.
class App
{
    public Gomoob $gomoob;
    public Server $server;

    public function __construct()
    {
        $this->gomoob = new Gomoob(messageParser: fn (array $message): string => $this::class);
        $this->server = server(dialect: $this->gomoob);
    }
}
$app = \WeakReference::create($made = new App());
unset($made);
gc_collect_cycles();
var_dump($app->get());
?>
--EXPECT--
mine
NULL
bool(true)
bool(true)
"stdClass a"
NULL
NULL
"parsed by NULL: a,b"
NULL
