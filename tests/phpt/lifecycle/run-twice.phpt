--TEST--
run() again after it returned works; run() and start() while running are a StateException
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\Server;

require __DIR__ . '/../support.inc';

$server = server();
$runs = 0;
$server->onStart(function (Server $server) use (&$runs): void {
    ++$runs;
    echo "run $runs: ", thrownClass($server->run(...)), ' ', thrownClass($server->start(...)), "\n";
});
$inATimer = function () use ($server): void {
    echo 'in a timer: ', thrownClass($server->run(...)), ' ', thrownClass($server->start(...)), ' ', thrownClass(fn () => $server->poll()), "\n";
    $server->stop(0.0);
};
$server->after(0.0, $inATimer);
$server->run();
$server->after(0.0, $inATimer);
$server->run();
$server->start();
echo 'started: ', thrownClass($server->run(...)), ' ', thrownClass($server->start(...)), "\n";
$server->stop(0.0);
$server->stop(0.0);
echo "done\n";
?>
--EXPECT--
run 1: Ferrite\StateException Ferrite\StateException
in a timer: Ferrite\StateException Ferrite\StateException Ferrite\StateException
run 2: Ferrite\StateException Ferrite\StateException
in a timer: Ferrite\StateException Ferrite\StateException Ferrite\StateException
run 3: Ferrite\StateException Ferrite\StateException
started: Ferrite\StateException Ferrite\StateException
done
