--TEST--
Rules are asked no longer when their server is collected by one of them, whatever else the method was to ask
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Server};

require __DIR__ . '/../support.inc';

/** A connection of a server that nobody has but a callback of its own; and its client. */
function connection(callable $first): array
{
    $server = server();
    $opened = null;
    $server->onOpen(function (Connection $connection) use (&$opened): void {
        $opened = $connection;
    });
    $server->onMessage(function () use ($server): void {
    });
    $server->onSubscribe('first', $first);
    $text = str_repeat('second ', 2);
    $server->onSubscribe('second', function () use ($text): bool {
        echo $text, "is asked\n";

        return true;
    });
    $server->start();
    $client = Client::connect($server->addresses()[0]);
    waitFor($opened, 1, $server);

    return [$opened, $client, \WeakReference::create($server)];
}

/** Takes the place of what was freed. */
function fill(): void
{
    for ($i = 0; $i < 20; ++$i) {
        $GLOBALS['filled'][] = function (): never {
            echo "somebody else's\n";
            exit(1);
        };
    }
}

[$connection, $client, $seen] = connection(function (Connection $connection): bool {
    echo "first is asked\n";
    gc_collect_cycles();
    fill();

    return true;
});
$connection->subscribe('first', 'second', 'third');
var_dump($seen->get(), $connection->isOpen(), $connection->topics());

// A rule that takes its own place goes on.
$text = str_repeat('still ', 2);
[$connection, $client, $seen] = connection(function (Connection $connection) use ($text, &$seen): bool {
    $seen->get()->onSubscribe('first', fn (): bool => false)->onSubscribe('second', fn (): bool => true);
    gc_collect_cycles();
    fill();
    echo $text, "here\n";

    return true;
});
unset($text);
$server = $seen->get();
$connection->subscribe('first', 'second');
var_dump($connection->topics());
$server->stop(0.0);

// By a target, which keeps its server.
[$connection, $client, $seen] = connection(function (Connection $connection) use (&$target): bool {
    unset($GLOBALS['target']);
    $target = null;
    gc_collect_cycles();
    fill();

    return true;
});
$target = $seen->get()->to();
var_dump($target->subscribe('first', 'second'));
unset($target);
gc_collect_cycles();
var_dump($seen->get());
?>
--EXPECT--
first is asked
NULL
bool(false)
array(0) {
}
still still here
array(2) {
  [0]=>
  string(5) "first"
  [1]=>
  string(6) "second"
}
second second is asked
int(1)
NULL
