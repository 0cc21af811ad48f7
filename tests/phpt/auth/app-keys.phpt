--TEST--
AppKeys let applications in by key and secret, from an array or from Gomoob's file
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Auth\{AppKeys, Jwt};
use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';
require __DIR__ . '/tokens.inc';

$file = sys_get_temp_dir() . '/ferrite-keys-' . getmypid() . '.yml';
file_put_contents($file, <<<'YAML'
    applications:
      - key: application1
        secret: from the file
        authorizeOpen: true
      - key: application2
        secret: "0042"
        authorizeOpen: false
    YAML);

$users = [];
$listen = function (AppKeys|array $auth) use (&$users): Server {
    $server = server(auth: $auth);
    $server->onOpen(function (Connection $connection) use (&$users): void {
        $users[] = $connection->user . ' ' . $connection->request->queryString;
    });
    $server->start();

    return $server;
};

$server = $listen(new AppKeys(['billing' => 'a:secret', 42 => 'another']));
foreach ([
    '/?key=billing&secret=a%3Asecret' => [],
    '/?key=42&secret=another&x=1' => [],
    '/' => ['Authorization' => 'Basic ' . base64_encode('billing:a:secret')],
    '/?key=billing' => [],
    '/?key=billing&secret=another' => [],
    '/?key=nobody&secret=another' => [],
] as $target => $headers) {
    $client = Client::ask($server, $target, $headers);
    echo trim($client->status . ' ' . ($client->headers['www-authenticate'][0] ?? '')), "\n";
}
waitFor($users, 3, $server);
$server->stop(0.0);

$server = $listen([new Jwt(SECRET), AppKeys::fromFile($file)]);
foreach (['/?key=application1', '/?key=application2', '/?key=application2&secret=0042', '/?token=' . token(['sub' => 'ann', 'exp' => time() + 60])] as $target) {
    $client = Client::ask($server, $target);
    echo $client->status, ' ', json_encode($client->headers['www-authenticate'] ?? null), "\n";
}
waitFor($users, 6, $server);
$server->stop(0.0);
echo preg_replace('/\*{20,}/', '***', json_encode($users)), "\n";

foreach ([
    fn () => new AppKeys([]),
    fn () => new AppKeys(['a' => '']),
    fn () => new AppKeys(['' => 'hush']),
    fn () => new AppKeys(['a:b' => 'hush']),
    fn () => new AppKeys(['a' => 1]),
    fn () => AppKeys::fromFile(''),
    fn () => AppKeys::fromFile("a\0b"),
    fn () => AppKeys::fromFile('/nonexistent/auth.yml'),
    fn () => AppKeys::fromFile(__FILE__),
    fn () => (new AppKeys(['a' => 'hush']))->__construct(['a' => 'other']),
] as $make) {
    echo str_replace(__FILE__, '…', thrown($make)), "\n";
}
unlink($file);
?>
--EXPECT--
101
101
101
401 Basic realm="ferrite"
401 Basic realm="ferrite"
401 Basic realm="ferrite"
101 null
401 ["Bearer","Basic realm=\"ferrite\""]
101 null
101 null
["billing key=billing&secret=**********","42 key=42&secret=*******&x=1","billing ","application1 key=application1","application2 key=application2&secret=****","ann token=***"]
Ferrite\ConfigurationException: appKeys: names no application, so that none could come in
Ferrite\ConfigurationException: appKeys: application 1 has an empty secret
Ferrite\ConfigurationException: appKeys: application 1 has a key that is empty or has a colon, which the header Authorization cannot hold
Ferrite\ConfigurationException: appKeys: application 1 has a key that is empty or has a colon, which the header Authorization cannot hold
TypeError: Ferrite\Auth\AppKeys::__construct(): Argument #1 ($secrets) must have strings as values, the secret of each key
Ferrite\ConfigurationException: appKeys: is empty; name a file
Ferrite\ConfigurationException: appKeys: contains a NUL, so it is the name of no file
Ferrite\ConfigurationException: appKeys: /nonexistent/auth.yml cannot be read: No such file or directory (os error 2)
Ferrite\ConfigurationException: appKeys: … is no YAML (line 15, column 17)
Error: The object is constructed already
