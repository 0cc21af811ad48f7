--TEST--
Forwarded headers are believed only from a trusted proxy
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$unix = 'unix://' . sys_get_temp_dir() . '/ferrite-' . getmypid() . '.sock';
$cases = [
    ['127.0.0.1:0', []],
    ['127.0.0.1:0', ['127.0.0.1']],
    ['127.0.0.1:0', ['127.0.0.0/8', '::1']],
    ['127.0.0.1:0', ['10.0.0.1', 'unix:']],
    [$unix, ['127.0.0.1']],
    [$unix, ['unix:']],
];
foreach ($cases as [$listen, $proxies]) {
    $open = null;
    $server = server(listen: $listen, trustedProxies: $proxies);
    $server->onOpen(function (Connection $connection) use (&$open): void {
        $open = $connection;
    });
    $server->start();
    $client = Client::connect($server, '/', ['X-Forwarded-For' => '203.0.113.9', 'X-Forwarded-Proto' => 'https']);
    waitFor($open, 1, $server);
    echo json_encode([$open->remoteAddress, $open->request->remoteAddress, $open->request->secure]), "\n";
    $server->stop(0.0);
}
?>
--EXPECT--
["127.0.0.1","127.0.0.1",false]
["203.0.113.9","203.0.113.9",true]
["203.0.113.9","203.0.113.9",true]
["127.0.0.1","127.0.0.1",false]
["","",false]
["203.0.113.9","203.0.113.9",true]
