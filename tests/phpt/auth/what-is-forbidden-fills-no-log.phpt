--TEST--
Without onError a client that asks for what it may not have is closed with 3003, and nothing is written anywhere
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$said = [];
$server = server(logger: function (string $level, string $message) use (&$said): void {
    if ($level !== 'info') {
        $said[] = $message;
    }
});
$server->onSubscribe('private', fn (): bool => false);
$server->onMessage(function (Connection $from, string $data): void {
    $data === 'throw' ? throw new \DomainException('a fault') : $from->subscribe($data);
});
$server->start();
foreach (['private', 'throw'] as $message) {
    $client = Client::connect($server);
    $client->send($message);
    echo $client->closed(), "\n";
}
$server->stop(0.0);
var_dump($said);
?>
--EXPECTF--
3003 not authorised

Warning: Uncaught DomainException: a fault; %A
1011
array(0) {
}
