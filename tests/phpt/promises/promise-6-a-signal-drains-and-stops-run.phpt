--TEST--
Promise 6: SIGTERM, SIGINT and SIGQUIT drain and stop run()
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

foreach (['SIGTERM' => SIGTERM, 'SIGINT' => SIGINT, 'SIGQUIT' => SIGQUIT] as $name => $signal) {
    $child = Child::fork(function (callable $report): void {
        $server = server();
        $server->onStart(fn (Server $server) => $report($server->addresses()[0]));
        $server->onMessage(fn (Connection $connection, string $data) => $report($connection->send($data)->name));
        $server->onClose(fn (Connection $connection, int $code) => $report("close $code"));
        $server->onStop(fn () => $report('stop'));
        $server->run();
        $report('run() returned');
    });
    $client = Client::connect($child->line());
    $client->send('last words');
    $sent = $child->line();
    $child->signal($signal);
    echo $name, ': ', $sent, '; ', implode(', ', $client->rest()), '; ';
    echo implode(', ', [$child->line(), $child->line(), $child->line(), $child->end()]), "\n";
}
?>
--EXPECTF--
SIGTERM: Queued; last words, 1001%S; close 1001, stop, run() returned, exit 0
SIGINT: Queued; last words, 1001%S; close 1001, stop, run() returned, exit 0
SIGQUIT: Queued; last words, 1001%S; close 1001, stop, run() returned, exit 0
