--TEST--
A token lets its client in as who it says, without PHP being asked; a bad one is 401
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Auth\Jwt;
use Ferrite\Connection;

require __DIR__ . '/../support.inc';
require __DIR__ . '/tokens.inc';

$lines = [];
$server = server(
    auth: new Jwt(secret: SECRET, audience: 'chat', cookie: 'session'),
    logger: function (string $level, string $message, array $context) use (&$lines): void {
        $lines[] = [$level, $message, $context];
    },
);
$opened = 0;
$server->onOpen(function (Connection $connection) use (&$opened): void {
    ++$opened;
    echo json_encode([$connection->user, $connection->topics(), $connection->tags()]), "\n";
});
$server->start();

$good = ['sub' => 'ann', 'aud' => 'chat', 'exp' => time() + 60, 'topics' => ['lobby'], 'tags' => ['lang' => 'FR', 'level' => 3]];
$clients[] = Client::connect($server, headers: ['Authorization' => 'Bearer ' . token($good)]);
waitFor($opened, 1, $server);
$clients[] = Client::connect($server, '/?token=' . token(['sub' => 7] + $good));
waitFor($opened, 2, $server);
$clients[] = Client::connect($server, headers: ['Cookie' => 'a=b; session=' . token(array_diff_key($good, ['sub' => 0, 'topics' => 0, 'tags' => 0]))]);
waitFor($opened, 3, $server);

foreach ([
    'none' => '',
    'another secret' => token($good, 'another secret of the tests, as long'),
    'none at all' => token($good, header: ['alg' => 'none']),
    'expired' => token(['exp' => time() - 60] + $good),
    'for others' => token(['aud' => 'game'] + $good),
    'a bad topic' => token(['topics' => ['a b']] + $good),
] as $name => $token) {
    $client = Client::ask($server, "/?token=$token");
    echo "$name: $client->status ", json_encode($client->headers['www-authenticate']), " $client->body";
}
$stats = $server->stats();
echo $stats['ferrite_handshakes_refused_total'], ' ', $stats['ferrite_connections_opened_total'], "\n";
until(fn () => in_array('warning', array_column($lines, 0), true), $server);
$warnings = array_values(array_filter($lines, fn (array $line): bool => $line[0] === 'warning'));
// At most one in ten seconds, with the reason and nothing of what was sent.
echo json_encode($warnings, JSON_PRETTY_PRINT), "\n";
$server->stop(0.0);
?>
--EXPECTF--
["ann",["lobby"],{"lang":"FR","level":3}]
["7",["lobby"],{"lang":"FR","level":3}]
[null,[],[]]
none: 401 ["Bearer"] this server wants to know who you are: send a credential
another secret: 401 ["Bearer error=\"invalid_token\""] the credential is not valid
none at all: 401 ["Bearer error=\"invalid_token\""] the credential is not valid
expired: 401 ["Bearer error=\"invalid_token\""] the token has expired
for others: 401 ["Bearer error=\"invalid_token\""] the credential is not valid
a bad topic: 401 ["Bearer error=\"invalid_token\""] the credential is not valid
6 3
[
    [
        "warning",
        "ferrite %s A client was told 401 by the option auth (logged at most every ten seconds)",
        {
            "reason": "no credential"
        }
    ]
]
