--TEST--
What is being freed is in no WeakReference and in no WeakMap when destructors run
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Protocol\Gomoob, Server};

require __DIR__ . '/../support.inc';

/** Looks for the object that holds it when it ends. */
final class Looker
{
    public static array $found = [];

    private ?\WeakReference $weak = null;

    private ?\WeakMap $map = null;

    public function __construct(private string $what)
    {
    }

    public function at(object $holder): void
    {
        $this->weak = \WeakReference::create($holder);
        $this->map = new \WeakMap();
        $this->map[$holder] = 1;
    }

    public function __destruct()
    {
        $object = $this->weak?->get();
        foreach ($this->map ?? [] as $key => $_) {
            $object ??= $key;
        }
        self::$found[] = $this->what . ($object === null ? '' : ': ' . $object::class);
        $GLOBALS['given'][] = $object;
    }

    public function closure(): \Closure
    {
        return function (): bool {
            return $this->what !== '';
        };
    }
}

function looker(string $what): Looker
{
    return new Looker($what);
}

$methods = ['onHandshake', 'onOpen', 'onMessage', 'onAuthorize', 'onClose', 'onError', 'onDrain', 'onRequest',
    'onJoin', 'onLeave', 'onStart', 'onStop'];
foreach ($methods as $method) {
    $looker = looker($method);
    $server = server()->$method($looker->closure());
    $looker->at($server);
    unset($looker, $server);
}
foreach (['after', 'every'] as $method) {
    $looker = looker($method);
    $server = server();
    $timer = $server->$method(1, $looker->closure());
    $looker->at($server);
    unset($looker, $server, $timer);
}
$looker = looker('onSubscribe');
$server = server()->onSubscribe('*', $looker->closure());
$looker->at($server);
unset($looker, $server);

$looker = looker('logger');
$server = server(logger: $looker->closure());
$looker->at($server);
unset($looker, $server);

$looker = looker('dialect');
$gomoob = new Gomoob(messageParser: $looker->closure(), authorizeSend: $looker->closure());
$looker->at($gomoob);
unset($looker, $gomoob);

$looker = looker('the server of a target');
$server = server()->onStart($looker->closure());
$target = $server->to();
$looker->at($target);
unset($looker, $server, $target);

// What a run holds: connections and their data, handshakes, requests.
$server = server();
$open = null;
$server->onHandshake(function (Handshake $handshake): void {
    $looker = looker('beside a handshake');
    $looker->at($handshake);
    $GLOBALS['beside'][$handshake] = $looker;
    $looker = looker('beside a request');
    $looker->at($handshake->request);
    $GLOBALS['beside'][$handshake->request] = $looker;
});
$server->onOpen(function (Connection $connection) use (&$open): void {
    $connection->data = looker('data');
    $connection->data->at($connection);
    $open = true;
});
$beside = new \WeakMap();
$server->start();
$client = Client::connect($server);
waitFor($open, 1, $server);
$server->stop(0.0);
unset($server, $client);

// In a cycle the collector runs destructors before it frees anything, and PHP (8.2) itself frees what they take from a
// WeakReference: there is nothing to test.

// A value of a map runs its destructor before the rest of the object is freed.
$map = new \WeakMap();
foreach ([server(), server()->to(), new Gomoob(), server()->after(1, fn () => null)] as $object) {
    $looker = looker($object::class);
    $looker->at($object);
    $map[$object] = $looker;
    unset($looker);
}
unset($object);
sort(Looker::$found);
echo implode("\n", array_map(fn (string $what, int $times): string => "$what $times", array_keys($count = array_count_values(Looker::$found)), $count)), "\n";
var_dump(array_filter($given));
?>
--EXPECT--
Ferrite\Audience 1
Ferrite\Protocol\Gomoob 1
Ferrite\Server 1
Ferrite\Timer 1
after 1
beside a handshake 1
beside a request 1
data 1
dialect 1
every 1
logger 1
onAuthorize 1
onClose 1
onDrain 1
onError 1
onHandshake 1
onJoin 1
onLeave 1
onMessage 1
onOpen 1
onRequest 1
onStart 1
onStop 1
onSubscribe 1
the server of a target 1
array(0) {
}
