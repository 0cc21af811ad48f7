--TEST--
onAuthorize: what it refuses is never heard, and closes its sender
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Connection;

require __DIR__ . '/../support.inc';

$server = server();
$asked = 0;
$server->onAuthorize(function (Connection $from, string $data, bool $binary) use (&$asked): mixed {
    ++$asked;

    return match ($data) {
        'throw' => throw new \DomainException('of the judge'),
        'null' => null,
        'int' => 1,
        default => $data !== 'no' && !$binary,
    };
});
$heard = [];
$server->onMessage(function (Connection $from, string $data) use (&$heard): void {
    $heard[] = $data;
    $from->send("heard $data");
});
$errors = [];
$server->onError(function (\Throwable $error, ?Connection $connection) use (&$errors): void {
    $errors[] = $error::class . ': ' . $error->getMessage() . ' ' . ($connection === null ? 'of nobody' : 'of a connection');
});
$closed = [];
$server->onClose(function (Connection $connection, int $code, string $reason) use (&$closed): void {
    $closed[] = trim("$code $reason");
});
$server->start();

// All in one packet: what comes after the refused one has arrived too.
$client = Client::connect($server);
$client->send('one', 'two', 'no', 'three', 'four');
echo $client->text(), ', ', $client->text(), ', ', $client->closed(), "\n";
waitFor($closed, 1, $server);
echo implode(' ', $heard), " asked $asked\n";

$client = Client::connect($server);
$client->sendBinary("\xff");
echo $client->closed(), "\n";
waitFor($closed, 2, $server);
foreach (['throw', 'null', 'int'] as $i => $text) {
    $client = Client::connect($server);
    $client->send($text, 'after');
    echo $client->closed(), "\n";
    waitFor($closed, $i + 3, $server);
}
echo implode("\n", $errors), "\n", implode(' ', $heard), "\n", json_encode($closed), "\n";

// Without onMessage it is asked all the same; taken away, nobody is.
$server = server();
$server->onAuthorize(fn (): bool => false);
$server->start();
$client = Client::connect($server);
$client->send('x');
echo $client->closed(), "\n";
$server->stop(0.0);
?>
--EXPECT--
heard one, heard two, 3003 not authorised
one two asked 3
3003 not authorised
1011
1011
1011
DomainException: of the judge of a connection
TypeError: The callback of onAuthorize must return bool, null returned of a connection
TypeError: The callback of onAuthorize must return bool, int returned of a connection
one two
["3003 not authorised","3003 not authorised","1011","1011","1011"]
3003 not authorised
