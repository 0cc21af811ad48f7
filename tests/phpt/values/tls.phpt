--TEST--
Tls reads its files when it is made, and says which one is wrong
--EXTENSIONS--
ferrite
--SKIPIF--
<?php extension_loaded('openssl') || print 'skip this PHP makes no certificates (openssl)'; ?>
--FILE--
<?php

declare(strict_types=1);

use Ferrite\{Server, Tls};

$folder = sys_get_temp_dir() . '/ferrite-tls-' . getmypid();
mkdir($folder);
$make = function (string $name) use ($folder): array {
    $key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']);
    $request = openssl_csr_new(['commonName' => $name], $key);
    openssl_x509_export_to_file(openssl_csr_sign($request, null, $key, 1), "$folder/$name.pem");
    openssl_pkey_export_to_file($key, "$folder/$name.key");

    return ["$folder/$name.pem", "$folder/$name.key"];
};
[$certificate, $key] = $make('one');
[, $other] = $make('two');

$attempt = function (callable $try) use ($folder): void {
    try {
        $try();
        echo "accepted\n";
    } catch (Throwable $e) {
        echo $e::class, ': ', str_replace($folder, '…', $e->getMessage()), "\n";
    }
};

$tls = new Tls($certificate, $key);
var_dump($tls->certificate === $certificate, $tls->key === $key, $tls->clientCa);
$attempt(fn () => new Tls("$folder/none.pem", $key));
$attempt(fn () => new Tls($certificate, $other));
$attempt(fn () => new Tls($key, $key));
$attempt(fn () => new Tls($certificate, $certificate));
$attempt(fn () => new Tls($certificate, $key, "$folder/none.pem"));
$attempt(fn () => new Tls('', $key));
$attempt(fn () => new Tls("a\0b", $key));
$attempt(fn () => $tls->__construct($certificate, $key));

$attempt(fn () => new Server('127.0.0.1:0', $tls));
$attempt(fn () => new Server('127.0.0.1:0', [$tls, $tls]));
$attempt(fn () => new Server('127.0.0.1:0', []));
$attempt(fn () => new Server('wss://127.0.0.1:0'));
$attempt(fn () => new Server('ws://127.0.0.1:0', $tls));
$attempt(fn () => new Server('127.0.0.1:0', [$tls, new Tls($certificate, $key, $certificate)]));
$attempt(fn () => new Server('127.0.0.1:0', ['certificate']));
$attempt(fn () => new Server('127.0.0.1:0', 'certificate'));
$attempt(fn () => (new Server('127.0.0.1:0'))->reloadTls());
$attempt(fn () => (new Server('127.0.0.1:0', $tls))->reloadTls());

$server = new Server(['127.0.0.1:0', 'ws://127.0.0.1:0'], $tls, logger: function (): void {});
$server->start();
echo preg_replace('/\d{4,}/', 'PORT', implode(' ', $server->addresses())), "\n";
$attempt(fn () => $server->reloadTls());
rename($key, "$key.away");
$attempt(fn () => $server->reloadTls());
$server->stop(0.0);
$attempt(fn () => $server->start());
array_map('unlink', glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
bool(true)
bool(true)
NULL
Ferrite\ConfigurationException: tls.certificate: …/none.pem cannot be read: No such file or directory (os error 2)
Ferrite\ConfigurationException: tls.key: …/two.key is not the key of the certificate in …/one.pem
Ferrite\ConfigurationException: tls.certificate: …/one.key holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)
Ferrite\ConfigurationException: tls.key: …/one.pem holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)
Ferrite\ConfigurationException: tls.clientCa: …/none.pem cannot be read: No such file or directory (os error 2)
Ferrite\ConfigurationException: tls.certificate: is empty; name a file
Ferrite\ConfigurationException: tls.certificate: contains a NUL, so it is the name of no file
Error: Cannot modify readonly properties: constructed already
accepted
accepted
accepted
Ferrite\ConfigurationException: tls: is needed to listen on wss://127.0.0.1:0
Ferrite\ConfigurationException: tls: is given, but nothing in listen would use it: ws:// and unix:// are plain
Ferrite\ConfigurationException: tls: its certificates differ in clientCa, which holds for all or none of them
Ferrite\ConfigurationException: tls: must be Ferrite\Tls objects, and one is string
TypeError: Ferrite\Server::__construct(): Argument #2 ($tls) must be of type Ferrite\Tls|array|null, string given
Ferrite\StateException: The server has no certificates: give it the option tls
Ferrite\StateException: The server is not started
wss://127.0.0.1:PORT 127.0.0.1:PORT
accepted
Ferrite\ConfigurationException: tls.key: …/one.key cannot be read: No such file or directory (os error 2)
Ferrite\ConfigurationException: tls.key: …/one.key cannot be read: No such file or directory (os error 2)
