--TEST--
Files that options name are within open_basedir, where that is set, or the option is refused
--EXTENSIONS--
ferrite
--SKIPIF--
<?php extension_loaded('openssl') || print 'skip this PHP makes no certificates (openssl)'; ?>
--FILE--
<?php

declare(strict_types=1);

use Ferrite\{Auth\AppKeys, Auth\Jwt, Server, Tls};

$folder = sys_get_temp_dir() . '/ferrite-basedir-' . getmypid();
$inside = "$folder/inside";
mkdir($inside, 0700, true);
$key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']);
$request = openssl_csr_new(['commonName' => 'localhost'], $key);
foreach ([$folder, $inside] as $place) {
    openssl_x509_export_to_file(openssl_csr_sign($request, null, $key, 1), "$place/cert.pem");
    openssl_pkey_export_to_file($key, "$place/key.pem");
    file_put_contents("$place/public.pem", openssl_pkey_get_details($key)['key']);
    file_put_contents("$place/jwks.json", '{"keys":[]}');
    file_put_contents("$place/apps.yml", "apps: {}\n");
}
symlink("$folder/cert.pem", "$inside/link.pem");

$attempt = function (string $what, callable $try) use ($folder): void {
    try {
        $try();
        echo "$what: accepted\n";
    } catch (Throwable $e) {
        $message = preg_replace('/ File\(.*$/s', '', str_replace($folder, '…', $e->getMessage()));
        echo "$what: ", $e::class, ': ', $message, "\n";
    }
};
$quiet = ['logger' => fn () => null];
$outside = new Tls("$folder/cert.pem", "$folder/key.pem");
$before = new Server('127.0.0.1:0', ...$quiet, tls: $outside);
$running = new Server('127.0.0.1:0', ...$quiet, tls: $outside);
$running->start();
$socket = new Server("unix://$folder/before.sock", ...$quiet);

ini_set('open_basedir', $inside);
try {
    new Tls("$folder/cert.pem", "$folder/key.pem");
} catch (Throwable $e) {
    echo str_replace($folder, '…', $e->getMessage()), "\n";
}
$attempt('key', fn () => new Tls("$inside/cert.pem", "$folder/key.pem"));
$attempt('clientCa', fn () => new Tls("$inside/cert.pem", "$inside/key.pem", "$folder/cert.pem"));
$attempt('a link', fn () => new Tls("$inside/link.pem", "$inside/key.pem"));
$attempt('dots', fn () => new Tls("$inside/../cert.pem", "$inside/key.pem"));
$attempt('a file that does not exist', fn () => new Tls("$folder/none.pem", "$inside/key.pem"));
$attempt('a value made before', fn () => new Server('127.0.0.1:0', ...$quiet, tls: $outside));
$attempt('an unserialised value', fn () => new Server('127.0.0.1:0', ...$quiet, tls: unserialize(serialize($outside))));
$attempt('a public key', fn () => new Jwt(publicKey: "$folder/public.pem"));
$attempt('a JWKS', fn () => new Jwt(jwks: "$folder/jwks.json"));
$attempt('apps', fn () => AppKeys::fromFile("$folder/apps.yml"));
$attempt('listen', fn () => new Server(['127.0.0.1:0', "unix://$folder/x.sock"], ...$quiet));
$attempt('control', fn () => new Server('127.0.0.1:0', ...$quiet, control: "unix://$folder/x.sock"));
$attempt('a server made before', fn () => $before->start());
$attempt('a socket of before', fn () => $socket->start());
$attempt('reloadTls', fn () => $running->reloadTls());
$running->stop(0.0);

$attempt('inside', function () use ($inside, $quiet): void {
    new Jwt(publicKey: "$inside/public.pem");
    $tls = new Tls("$inside/cert.pem", "$inside/key.pem", "$inside/cert.pem");
    $server = new Server(["unix://$inside/a.sock", '127.0.0.1:0'], ...$quiet, tls: $tls, control: "unix://$inside/b.sock");
    $server->start();
    $server->reloadTls();
    $server->stop(0.0);
});
?>
--CLEAN--
<?php
foreach (glob(sys_get_temp_dir() . '/ferrite-basedir-*') as $folder) {
    array_map(unlink(...), [...glob("$folder/inside/*"), ...array_filter(glob("$folder/*"), is_file(...))]);
    @rmdir("$folder/inside");
    @rmdir($folder);
}
?>
--EXPECT--
tls.certificate: open_basedir restriction in effect. File(…/cert.pem) is not within the allowed path(s): (…/inside)
key: Ferrite\ConfigurationException: tls.key: open_basedir restriction in effect.
clientCa: Ferrite\ConfigurationException: tls.clientCa: open_basedir restriction in effect.
a link: Ferrite\ConfigurationException: tls.certificate: open_basedir restriction in effect.
dots: Ferrite\ConfigurationException: tls.certificate: open_basedir restriction in effect.
a file that does not exist: Ferrite\ConfigurationException: tls.certificate: open_basedir restriction in effect.
a value made before: Ferrite\ConfigurationException: tls.certificate: open_basedir restriction in effect.
an unserialised value: Ferrite\ConfigurationException: tls.certificate: open_basedir restriction in effect.
a public key: Ferrite\ConfigurationException: jwt.publicKey: open_basedir restriction in effect.
a JWKS: Ferrite\ConfigurationException: jwt.jwks: open_basedir restriction in effect.
apps: Ferrite\ConfigurationException: appKeys: open_basedir restriction in effect.
listen: Ferrite\ConfigurationException: listen: open_basedir restriction in effect.
control: Ferrite\ConfigurationException: control: open_basedir restriction in effect.
a server made before: Ferrite\ConfigurationException: tls.certificate: open_basedir restriction in effect.
a socket of before: Ferrite\ConfigurationException: listen: open_basedir restriction in effect.
reloadTls: Ferrite\ConfigurationException: tls.certificate: open_basedir restriction in effect.
inside: accepted
