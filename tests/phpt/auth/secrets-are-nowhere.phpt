--TEST--
No dump, export, cast, reflection or stack trace shows a secret or a token
--EXTENSIONS--
ferrite
--INI--
zend.exception_ignore_args=0
zend.exception_string_param_max_len=1000
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Auth\{AppKeys, Jwt};
use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';
require __DIR__ . '/tokens.inc';

const HIDDEN = 'hush-hush-hush-hush-hush-hush-hush';

/** Everything that PHP can be made to say about a value. */
function everything(mixed $value): string
{
    ob_start();
    var_dump($value);
    print_r($value);
    debug_zval_dump($value);
    echo json_encode($value);
    var_export((array) $value);
    var_export(get_mangled_object_vars($value));
    echo new \ReflectionObject($value);
    echo thrown(fn () => print(serialize($value))), thrown(fn () => clone $value);

    return ob_get_clean();
}


function told(string $name, string $text, string $secret): void
{
    echo $name, ': ', str_contains($text, $secret) ? 'LEAKS' : 'tells nothing', "\n";
}

told('jwt', everything($jwt = new Jwt(HIDDEN)), HIDDEN);
told('server', everything($server = server(auth: $jwt)), HIDDEN);

told('keys', everything(new AppKeys(['a' => HIDDEN])), HIDDEN);

// What is left of a constructor that throws is its stack trace.
try {
    new Jwt(HIDDEN, leeway: -1.0);
} catch (\Ferrite\ConfigurationException $error) {
    $trace = "$error" . print_r($error->getTrace(), true);
    told('trace', PHP_VERSION_ID < 80200 ? 'not before PHP 8.2' : $trace, HIDDEN);
    $shown = PHP_VERSION_ID < 80200 || str_contains($trace, 'SensitiveParameterValue');
    var_dump($shown, str_contains($trace, '-1'));
}

try {
    new AppKeys(['a' => HIDDEN, 'b' => '']);
} catch (\Ferrite\ConfigurationException $error) {
    $trace = "$error" . print_r($error->getTrace(), true);
    told('keys', PHP_VERSION_ID < 80200 ? 'not before PHP 8.2' : $trace, HIDDEN);
}

// A private key that was given by mistake.
try {
    new Jwt(publicKey: "-----BEGIN PRIVATE KEY-----\n" . HIDDEN);
} catch (\Ferrite\ConfigurationException $error) {
    $trace = "$error" . print_r($error->getTrace(), true);
    told('private key', PHP_VERSION_ID < 80200 ? 'not before PHP 8.2' : $trace, HIDDEN);
}

// A token in the query, wherever it is looked for later.
$token = token(['exp' => time() + 60], HIDDEN);
$opened = 0;
$server->onHandshake(fn (Handshake $handshake) => told('handshake', everything($handshake), substr($token, 0, 10)));
$server->onOpen(function (Connection $connection) use (&$opened, $token): void {
    told('connection', everything($connection), substr($token, 0, 10));
    echo preg_replace('/\*{20,}/', '***', $connection->request->queryString), ' ';
    echo preg_replace('/\*{20,}/', '***', json_encode($connection->request->query())), "\n";
    ++$opened;
});
$server->start();
Client::connect($server, "/?room=1&token=$token&x=y");
waitFor($opened, 1, $server);
$server->stop(0.0);
?>
--EXPECT--
jwt: tells nothing
server: tells nothing
keys: tells nothing
trace: tells nothing
bool(true)
bool(true)
keys: tells nothing
private key: tells nothing
handshake: tells nothing
connection: tells nothing
room=1&token=***&x=y {"room":"1","token":"***","x":"y"}
