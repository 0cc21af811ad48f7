--TEST--
Promise 6: a second signal stops at once
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Limits, Server};

require __DIR__ . '/../support.inc';

[$child, $address] = Child::serve(
    fn (Server $server, callable $report) => $server->onStop(fn () => $report('stop')),
    limits: new Limits(closeTimeout: 60.0),
);
$client = Client::connect($address);
$client->answersClose = false;
$child->signal(SIGTERM);
echo $client->closed(), "\n";
$start = hrtime(true);
$child->signal(SIGTERM);
echo $child->line(), ', ', $child->end(), "\n";
var_dump(hrtime(true) - $start < patience(3) * 1e9);
?>
--EXPECTF--
1001%S
stop, exit 0
bool(true)
