--TEST--
BaseHandler: only what is overridden is registered; an error still becomes a warning
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{BaseHandler, Connection};

require __DIR__ . '/../support.inc';

$server = server();
$server->handler(new class extends BaseHandler {
    public function onMessage(Connection $connection, string $data, bool $binary): void
    {
        $data === 'throw' ? throw new \DomainException('not lost') : $connection->send($data);
    }
});
$server->start();
$client = Client::connect($server);
$client->send('hello', 'throw');
echo implode(', ', $client->rest()), "\n";
$server->stop(0.0);
?>
--EXPECTF--
%AWarning: %Anot lost%A
hello, 1011
