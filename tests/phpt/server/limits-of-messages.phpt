--TEST--
maxMessageSize counts all fragments together and closes with 1009; a slow handshake is cut off
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits};

require __DIR__ . '/../support.inc';

$server = server(limits: new Limits(maxMessageSize: 1000, handshakeTimeout: 0.2));
$server->onMessage(fn (Connection $connection, string $data) => $connection->send((string) strlen($data)));
$server->start();
$client = Client::connect($server);
$client->send(str_repeat('x', 1000));
echo $client->text(), "\n";
$client->write(Client::frame(Client::TEXT, str_repeat('x', 600), false) . Client::frame(0, str_repeat('x', 600)));
echo strtok($client->closed(), ' '), "\n";

// From the header alone, before the payload has come.
$client = Client::connect($server);
$client->write("\x82\xff" . pack('J', 1 << 40) . "\0\0\0\0");
echo strtok($client->closed(), ' '), "\n";

$socket = stream_socket_client('tcp://' . $server->addresses()[0]);
fwrite($socket, "GET / HTTP/1.1\r\nHost: slow\r\n");
stream_set_blocking($socket, false);
until(function () use ($socket): bool {
    fread($socket, 8192);

    return feof($socket);
}, $server);
echo "cut off\n";
$server->stop(0.0);
?>
--EXPECT--
1000
1009
1009
cut off
