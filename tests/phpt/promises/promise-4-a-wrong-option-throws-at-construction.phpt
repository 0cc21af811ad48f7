--TEST--
Promise 4: a wrong option throws at construction and is named
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

$wrong = [
    'listen' => [
        '', 'nonsense', '127.0.0.1', ':', '127.0.0.1:', '127.0.0.1:x', '127.0.0.1:-1', '127.0.0.1:65536', '::1:80',
        'unix://', 'unix://relative/path', 'http://127.0.0.1:80', "127.0.0.1:80\0", [], [''], ['127.0.0.1:0', 'nonsense'],
        [1], [null], '127.0.0.1:80?', '127.0.0.1:80?proxy', 'unix:///run/app.sock?proxy_protocol=1',
        'systemd:', 'systemd:two words', ['systemd', 'systemd:web'], ['systemd:web', 'systemd:web'],
    ],
    'origins' => [['chat.example'], [''], [1], ['https://chat.example/path'], ["https://chat.example\r\n"], ['https://*.example'], ['https://a.*.example.com'], ['https://*']],
    'protocols' => [[''], ['two words'], ['a,b'], [1], ["a\r\nb"], ['chat', 'chat']],
    'trustedProxies' => [['nonsense'], ['10.0.0.0/33'], ['10.0.0.1:80'], ['unix'], ['unix:///run/app.sock'], [''], [1]],
    'tls' => [[1], ['file.pem'], [null]],
    'health' => ['', '/', 'health', '/health/', '/a b', '/a?b', "/a\r\n", "/\xff", 'http://127.0.0.1:9090/health'],
    'metrics' => ['', 'metrics', '/metrics/', 'http://127.0.0.1:9090', 'http://127.0.0.1/metrics', 'https://127.0.0.1:9090/metrics'],
    'ioThreads' => [-1, PHP_INT_MAX],
];
foreach ($wrong as $option => $values) {
    foreach ($values as $value) {
        $thrown = thrown(fn () => new Server(...[$option => $value]));
        if (!str_starts_with($thrown, "Ferrite\\ConfigurationException: $option: ")) {
            echo $option, ' = ', json_encode($value), ' => ', $thrown, "\n";
        }
    }
}
foreach (['listen' => 1.5, 'tls' => 1, 'limits' => 1, 'heartbeat' => [], 'origins' => '*', 'ioThreads' => '2', 'logger' => 'no function'] as $option => $value) {
    echo $option, ': ', thrownClass(fn () => new Server(...[$option => $value])), "\n";
}
echo thrown(fn () => new Server(health: '/up', metrics: '/up/live')), "\n";
echo thrown(fn () => new Server(sockets: null)), "\n";
?>
--EXPECT--
listen: TypeError
tls: TypeError
limits: TypeError
heartbeat: TypeError
origins: TypeError
ioThreads: TypeError
logger: TypeError
Ferrite\ConfigurationException: metrics: "/up/live" is a path of the option health already
Error: Unknown named parameter $sockets
