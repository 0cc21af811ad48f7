--TEST--
handler() takes the five callbacks of an object
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handler, Handshake};

require __DIR__ . '/../support.inc';

final class Recorder implements Handler
{
    /** @var list<string> */
    public array $log = [];

    public function onHandshake(Handshake $handshake): void
    {
        $this->log[] = 'handshake';
        $handshake->accept(user: 'ann');
    }

    public function onOpen(Connection $connection): void
    {
        $this->log[] = "open $connection->user";
    }

    public function onMessage(Connection $connection, string $data, bool $binary): void
    {
        $this->log[] = "message $data " . json_encode($binary);
        $data === 'throw' && throw new \DomainException('thrown');
    }

    public function onClose(Connection $connection, int $code, string $reason): void
    {
        $this->log[] = "close $code $reason";
    }

    public function onError(\Throwable $error, ?Connection $connection): void
    {
        $this->log[] = "error {$error->getMessage()} $connection?->user";
    }
}

$server = server();
$server->onOpen(fn () => print("replaced\n"));
var_dump($server->handler($recorder = new Recorder()) === $server);
$server->start();
$client = Client::connect($server);
$client->send('hello');
$client->sendBinary('bytes');
$client->send('throw');
echo $client->closed(), "\n";
until(function () use (&$recorder): bool {
    return count($recorder->log) >= 7;
}, $server);
$server->stop(0.0);
echo implode("\n", $recorder->log), "\n";
echo thrownClass(fn () => $server->handler(new \stdClass())), "\n";
?>
--EXPECT--
bool(true)
1011
handshake
open ann
message hello false
message bytes true
message throw false
error thrown ann
close 1011 
TypeError
