--TEST--
?proxy_protocol: the client is whom the PROXY header names; without one nobody is let in
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$unix = 'unix://' . sys_get_temp_dir() . '/ferrite-' . getmypid() . '.sock';
$ssl = pack('CnCN', 0x20, 5, 1, 0);
$addresses = inet_pton('203.0.113.9') . inet_pton('10.0.0.1') . pack('nn', 56324, 443);
$headers = [
    "PROXY TCP4 203.0.113.9 10.0.0.1 56324 443\r\n",
    "\r\n\r\n\0\r\nQUIT\n\x21\x11" . pack('n', strlen($addresses . $ssl)) . $addresses . $ssl,
    "\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0",
];
foreach (['127.0.0.1:0', $unix] as $listen) {
    $open = null;
    $lines = [];
    $server = server(listen: "$listen?proxy_protocol", logger: function (string $level, string $message, array $context) use (&$lines): void {
        if (str_contains($message, 'PROXY')) {
            $lines[] = "$level: {$context['reason']}";
        }
    });
    $server->onOpen(function (Connection $connection) use (&$open): void {
        $open = $connection;
    });
    $server->start();
    foreach ($headers as $header) {
        $open = null;
        Client::begin($server, before: $header)->answer();
        waitFor($open, 1, $server);
        echo json_encode([$open->remoteAddress, $open->request->secure]), "\n";
    }
    foreach (['', "PROXY TCP4 203.0.113.9 10.0.0.1 56324 port\r\n"] as $header) {
        var_dump(Client::begin($server, before: $header)->ended());
    }
    until(fn (): bool => $server->stats()['ferrite_proxy_headers_refused_total'] === 2, $server);
    $server->stop(0.0);
    echo implode("\n", $lines), "\n";
}
?>
--EXPECT--
["203.0.113.9",false]
["203.0.113.9",true]
["127.0.0.1",false]
bool(true)
bool(true)
warning: its first bytes are not those of a PROXY header
["203.0.113.9",false]
["203.0.113.9",true]
["",false]
bool(true)
bool(true)
warning: its first bytes are not those of a PROXY header
