--TEST--
The control API speaks to clients without PHP, and a wrong option is named without its secret
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;
use Ferrite\Handshake;
use Ferrite\Server;

require __DIR__ . '/../support.inc';

/** One request over the socket file, which nobody polls a server for. */
function ask(string $address, string $method, string $path, string $body = ''): string
{
    $socket = stream_socket_client($address, $code, $message, patience(5));
    stream_set_timeout($socket, (int) patience(5));
    $length = strlen($body);
    fwrite($socket, "$method $path HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: $length\r\n\r\n$body");
    [$head, $answer] = explode("\r\n\r\n", stream_get_contents($socket), 2);

    return substr($head, 9, 3) . " $answer";
}

$socket = sys_get_temp_dir() . '/ferrite-' . getmypid() . '.sock';
$server = server(control: ["unix://$socket", 'http://app:0123456789abcdef@127.0.0.1:0']);
$server->onHandshake(function (Handshake $handshake): void {
    $handshake->accept(user: 'ann', topics: ['news'], tags: ['lang' => 'FR', 'level' => 3]);
});
$open = null;
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open = $connection;
});
$server->start();
[, $unix, $tcp] = $server->addresses();
echo substr($unix, 0, 7), ' ', preg_replace('/\d+$/', 'PORT', $tcp), "\n";
$client = Client::connect($server);
waitFor($open, 0, $server);
echo ask($unix, 'POST', '/v1/publish', '{"topic": "news", "data": "to the topic"}'), "\n";
echo ask($unix, 'POST', '/v1/send', '{"to": {"tags": "lang=FR & level=3"}, "data": "to the tags"}'), "\n";
echo $client->text(), "\n", $client->text(), "\n";
echo str_replace((string) $open->id, 'ID', ask($unix, 'GET', '/v1/connections?user=ann')), "\n";
echo strstr(ask("tcp://" . substr($tcp, 7), 'GET', '/v1/stats'), ',', true), "\n";
echo ask($unix, 'POST', '/v1/close', '{"to": {}, "code": 4001}'), "\n";
echo $client->closed(), "\n";
$server->stop(0.0);
var_dump(file_exists($socket));

foreach ([
    'hunter2 hunter2 hunter2',
    ['unix:///run/a.sock', 'http://app:hunter2@127.0.0.1:0'],
    'http://app:hunter2hunter2hunter2@nowhere',
    "http://app:hunter2hunter2hunter2\xff@127.0.0.1:0",
    'https://app:hunter2hunter2hunter2@127.0.0.1:0',
    [5],
] as $wrong) {
    echo thrown(fn () => new Server(control: $wrong)), "\n";
}
echo thrown(fn () => new Server(control: 5.5)), "\n";
try {
    new Server('nowhere', control: 'http://app:hunter2hunter2hunter2@127.0.0.1:0');
} catch (\Throwable $error) {
    // PHP 8.1 has no such parameters; it shows the first 15 characters.
    var_dump(str_contains((string) $error, PHP_VERSION_ID < 80200 ? 'hunter2h' : 'app:'));
}
$kept = new Server(control: 'http://app:hunter2hunter2hunter2@127.0.0.1:0');
ob_start();
var_dump($kept);
print_r((array) $kept);
var_dump(str_contains(ob_get_clean(), 'hunter2'));
echo thrown(fn () => server(control: 'unix:///proc/nothing/a.sock')->start()), "\n";
?>
--EXPECT--
unix:// http://127.0.0.1:PORT
200 {"connections":1}
200 {"connections":1}
to the topic
to the tags
200 {"connections":[{"id":ID,"user":"ann","topics":["news"],"tags":{"lang":"FR","level":3},"buffered":0,"latency":null}],"total":1,"next":null}
401 {"error":{"code":"unauthorized"
200 {"connections":1}
4001
bool(false)
Ferrite\ConfigurationException: control: address number 1 has none of the schemes unix, http and https; write "unix:///run/app/control.sock" or "http://KEY:SECRET@127.0.0.1:9000"
Ferrite\ConfigurationException: control: address number 2 has a secret of 7 bytes; it needs 16; write "unix:///run/app/control.sock" or "http://KEY:SECRET@127.0.0.1:9000"
Ferrite\ConfigurationException: control: address number 1 has no host and port to listen on; write "unix:///run/app/control.sock" or "http://KEY:SECRET@127.0.0.1:9000"
Ferrite\ConfigurationException: control: is not UTF-8
Ferrite\ConfigurationException: control: https at 127.0.0.1:0 needs certificates: give the option tls, or write http
Ferrite\ConfigurationException: control: must be strings, and one is int
TypeError: Ferrite\Server::__construct(): Argument #11 ($control) must be of type array|string|null, float given
bool(false)
bool(false)
Ferrite\BindException: cannot listen on unix:///proc/nothing/a.sock: No such file or directory (os error 2)