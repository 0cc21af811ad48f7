--TEST--
A Jwt checks its options and reads its keys when it is made, and no message holds a secret
--EXTENSIONS--
ferrite
--SKIPIF--
<?php extension_loaded('openssl') || print 'skip this PHP makes no keys (openssl)'; ?>
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Auth\Jwt;
use Ferrite\Server;

require __DIR__ . '/../support.inc';
require __DIR__ . '/tokens.inc';

$folder = sys_get_temp_dir() . '/ferrite-jwt-' . getmypid();
mkdir($folder);
$key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']);
openssl_pkey_export($key, $private);
$public = openssl_pkey_get_details($key)['key'];
file_put_contents("$folder/public.pem", $public);
file_put_contents("$folder/private.pem", $private);
file_put_contents("$folder/jwks.json", '{"keys": []}');
$attempt = function (callable $try) use ($folder): void {
    echo str_replace($folder, '…', thrown($try)), "\n";
};

$attempt(fn () => new Jwt());
$attempt(fn () => new Jwt(secret: SECRET, jwks: "$folder/jwks.json"));
$attempt(fn () => new Jwt(secret: 'too short'));
$attempt(fn () => new Jwt(secret: $public));
$attempt(fn () => new Jwt(publicKey: "$folder/none.pem"));
$attempt(fn () => new Jwt(publicKey: "$folder/private.pem"));
$attempt(fn () => new Jwt(publicKey: $private));
$attempt(fn () => new Jwt(publicKey: "$folder/jwks.json"));
$attempt(fn () => new Jwt(publicKey: ''));
$attempt(fn () => new Jwt(jwks: "a\0b"));
$attempt(fn () => new Jwt(jwks: "$folder/jwks.json"));
$attempt(fn () => new Jwt(jwks: "$folder/public.pem"));
$attempt(fn () => new Jwt(SECRET, audience: ['a', '']));
$attempt(fn () => new Jwt(SECRET, audience: []));
$attempt(fn () => new Jwt(SECRET, audience: [1]));
$attempt(fn () => new Jwt(SECRET, audience: 1));
$attempt(fn () => new Jwt(SECRET, issuer: "\xff"));
$attempt(fn () => new Jwt(SECRET, userClaim: ''));
$attempt(fn () => new Jwt(SECRET, leeway: -1.0));
$attempt(fn () => new Jwt(SECRET, leeway: 601.0));
$attempt(fn () => new Jwt(SECRET, leeway: NAN));
foreach ([
    fn () => new Jwt(publicKey: $public),
    fn () => new Jwt(publicKey: "\n$public"),
    fn () => new Jwt(publicKey: "$folder/public.pem"),
    fn () => new Jwt(SECRET, audience: 'a', issuer: 'b', userClaim: null, topicsClaim: null, tagsClaim: null, queryParameter: null, cookie: 'c', leeway: 0.0),
] as $make) {
    $attempt($make);
}
$jwt = new Jwt(SECRET);
$attempt(fn () => $jwt->__construct(SECRET));

$attempt(fn () => new Server('127.0.0.1:0', auth: []));
$attempt(fn () => new Server('127.0.0.1:0', auth: [$jwt, SECRET]));
$attempt(fn () => new Server('127.0.0.1:0', auth: SECRET));
$attempt(fn () => new Server('127.0.0.1:0', auth: [$jwt, $jwt]));

// A key file that is gone when the server starts is found then.
$server = server(auth: new Jwt(publicKey: "$folder/public.pem"));
unlink("$folder/public.pem");
$attempt(fn () => $server->start());
array_map('unlink', glob("$folder/*"));
rmdir($folder);
?>
--EXPECT--
Ferrite\ConfigurationException: jwt: needs one of secret, publicKey and jwks, and no more than one
Ferrite\ConfigurationException: jwt: needs one of secret, publicKey and jwks, and no more than one
Ferrite\ConfigurationException: jwt.secret: has 9 bytes; HS256 needs 32 at least (RFC 7518 section 3.2)
Ferrite\ConfigurationException: jwt.secret: is a key in PEM form; that is for publicKey
Ferrite\ConfigurationException: jwt.publicKey: …/none.pem cannot be read: No such file or directory (os error 2)
Ferrite\ConfigurationException: jwt.publicKey: …/private.pem is a private key, which only the issuer may have; make the public one with: openssl pkey -in KEY -pubout -out PUBLIC
Ferrite\ConfigurationException: jwt.publicKey: is a private key, which only the issuer may have; make the public one with: openssl pkey -in KEY -pubout -out PUBLIC
Ferrite\ConfigurationException: jwt.publicKey: …/jwks.json is not a public key in PEM form (-----BEGIN PUBLIC KEY-----)
Ferrite\ConfigurationException: jwt.publicKey: is empty; name a file
Ferrite\ConfigurationException: jwt.jwks: contains a NUL, so it is the name of no file
Ferrite\ConfigurationException: jwt.jwks: …/jwks.json holds no key for signatures, neither an RSA key of 2048 to 8192 bits nor one of P-256, P-384, P-521, secp256k1 or Ed25519
Ferrite\ConfigurationException: jwt.jwks: …/public.pem is no JWKS, an object with the list "keys" (line 1, column 2)
Ferrite\ConfigurationException: jwt.audience: is empty; null leaves it out
Ferrite\ConfigurationException: jwt.audience: is an empty list; null leaves it out
TypeError: Ferrite\Auth\Jwt::__construct(): Argument #4 ($audience) must be of type string, a list of strings, or null
TypeError: Ferrite\Auth\Jwt::__construct(): Argument #4 ($audience) must be of type string, a list of strings, or null
Ferrite\ConfigurationException: jwt.issuer: is not UTF-8
Ferrite\ConfigurationException: jwt.userClaim: is empty; null leaves it out
Ferrite\ConfigurationException: jwt.leeway: -1 is not a number from 0
Ferrite\ConfigurationException: jwt.leeway: is more than ten minutes
Ferrite\ConfigurationException: jwt.leeway: NaN is not a number from 0
nothing thrown
nothing thrown
nothing thrown
nothing thrown
Error: The object is constructed already
Ferrite\ConfigurationException: auth: an empty list would let nobody in; null asks nothing
Ferrite\ConfigurationException: auth: must be Ferrite\Auth\Jwt and Ferrite\Auth\AppKeys objects, and one is string
TypeError: Ferrite\Server::__construct(): Argument #12 ($auth) must be of type Ferrite\Auth\Jwt|Ferrite\Auth\AppKeys|array|null, string given
nothing thrown
Ferrite\ConfigurationException: jwt.publicKey: …/public.pem cannot be read: No such file or directory (os error 2)