--TEST--
Promise 5: an error handler that turns the warning into an exception does not end the server
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

set_error_handler(
    fn (int $level, string $message) => (error_reporting() & $level) !== 0 && throw new \ErrorException($message),
);
$server = server();
$server->onMessage(function (Connection $connection, string $data): void {
    $data === 'throw' ? throw new \DomainException('bad') : $connection->send($data);
});
$server->start();
$client = Client::connect($server);
$client->send('throw');
echo $client->closed(), "\n";
$client = Client::connect($server);
$client->send('still here');
echo $client->text(), "\n";
restore_error_handler();
$server->stop(0.0);
?>
--EXPECTF--
%A1011
still here
