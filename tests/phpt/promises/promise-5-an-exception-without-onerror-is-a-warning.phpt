--TEST--
Promise 5: without onError, or from onError itself, an exception becomes a PHP warning and the server goes on
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server();
$server->onMessage(function (Connection $connection, string $data): void {
    $data === 'throw' ? throw new \DomainException('the message was bad') : $connection->send($data);
});
$server->start();
$healthy = Client::connect($server);
foreach ([null, fn () => throw new \LogicException('the error callback was bad')] as $onError) {
    if ($onError !== null) {
        $server->onError($onError);
    }
    $client = Client::connect($server);
    $client->send('throw');
    echo "\n", $client->closed(), "\n";
    $healthy->send('still here');
    echo $healthy->text(), "\n";
}
$server->stop(0.0);
?>
--EXPECTF--
%AWarning: %ADomainException%Athe message was bad%A
1011
still here
%AWarning: %ALogicException%Athe error callback was bad%A
1011
still here
