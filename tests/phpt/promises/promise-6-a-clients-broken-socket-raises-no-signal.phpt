--TEST--
Promise 6: writing to a client that broke off raises no SIGPIPE, whatever the script does with that signal
--EXTENSIONS--
ferrite
pcntl
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

$child = Child::fork(function (callable $report): void {
    pcntl_signal(SIGPIPE, SIG_DFL);
    $server = server(ioThreads: 1);
    $server->onStart(fn (Server $server) => $report($server->addresses()[0]));
    $server->onMessage(function (Connection $connection, string $data) use ($server, $report): void {
        if ($data !== 'go') {
            $connection->send($data);
            return;
        }
        // Its end is not noticed by reading, and what is written is too much for one buffer.
        $connection->pause();
        $report('paused');
        $timer = $server->every(0.01, function () use (&$timer, $server, $connection, $report): void {
            for ($i = 0; $i < 6 && $connection->isOpen(); $i++) {
                $connection->send(str_repeat('x', 9000));
            }
            if (!$connection->isOpen()) {
                $timer->cancel();
                $report('closed');
                $server->stop();
            }
        });
    });
    $server->run();
    $report('run() returned');
});
$client = Client::connect($child->line());
for ($i = 0; $i < 100; $i++) {
    $client->send("warm $i");
    $client->text();
}
$client->send('go');
$paused = $child->line();
$client->vanish();
echo implode(', ', [$paused, $child->line(), $child->line(), $child->end()]), "\n";
?>
--EXPECT--
paused, closed, run() returned, exit 0
