--TEST--
A limit by address that was given holds for loopback too, the default does not, and 0 switches off that one alone
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Limits;

require __DIR__ . '/../support.inc';

$cases = [
    'nothing given' => [[], 300],
    'no limit of connections' => [['maxConnectionsPerAddress' => 0], 300],
    'no rate' => [['connectRatePerAddress' => 0], 300],
    'both off' => [['maxConnectionsPerAddress' => 0, 'connectRatePerAddress' => 0.0], 300],
    'the number of the default' => [['maxConnectionsPerAddress' => 256], 256],
    'the rate of the default' => [['connectRatePerAddress' => 50.0], 100],
    'a rate and no limit' => [['maxConnectionsPerAddress' => 0, 'connectRatePerAddress' => 2.0], 4],
    'a limit and no rate' => [['maxConnectionsPerAddress' => 3, 'connectRatePerAddress' => 0], 3],
    'null' => [['maxConnectionsPerAddress' => null, 'connectRatePerAddress' => null], 300],
];
foreach ($cases as $name => [$given, $expected]) {
    $limits = unserialize(serialize(new Limits(...$given)));
    $server = server(limits: $limits);
    $server->start();
    $clients = array_map(static fn (int $n): Client => Client::begin($server), range(1, 300));
    $open = count(array_filter($clients, static fn (Client $client): bool => $client->answer()->status === 101));
    // A bucket goes on filling while the clients come.
    $isRate = ($given['connectRatePerAddress'] ?? 0) > 0;
    $fits = $isRate ? $open >= $expected && $open < 300 : $open === $expected;
    echo $name, ': ', $fits ? 'right' : "$open instead of $expected", "\n";
    $server->stop(0.0);
    unset($clients);
}
?>
--EXPECT--
nothing given: right
no limit of connections: right
no rate: right
both off: right
the number of the default: right
the rate of the default: right
a rate and no limit: right
a limit and no rate: right
null: right
