--TEST--
announcePresence(): a grace for reloads, hooks alone, and what cannot be announced
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$server = server();
foreach ([[['a b']], ['é'], [[1]], [1.5], ['a', -1.0], ['a', NAN], ['a', INF]] as $wrong) {
    echo thrown(fn () => $server->announcePresence(...$wrong)), "\n";
}
echo thrown(fn () => $server->presence('a b')), "\n";
$server->onHandshake(function (Handshake $handshake): void {
    $handshake->accept(user: ltrim($handshake->request->path, '/'), topics: ['room']);
});
$story = [];
$server->onJoin(function (string $topic, string $user) use (&$story): void {
    $story[] = "join $user";
});
$server->onLeave(function (string $topic, string $user) use (&$story): void {
    $story[] = "leave $user";
});
$closed = 0;
$server->onClose(function (Connection $connection) use (&$closed): void {
    $closed++;
});
var_dump($server->announcePresence('*', grace: 3600.0) === $server);
$server->start();
$bob = Client::connect($server, '/bob');
$ann = Client::connect($server, '/ann');
echo implode("\n", $bob->texts(2)), "\n";
// A reload: nobody hears of it, and the list has her all the time.
$ann->vanish();
waitFor($closed, 1, $server);
echo json_encode($server->presence('room')), "\n";
$ann = Client::connect($server, '/ann');
until(fn (): bool => $server->count() === 2, $server);
$server->publish('room', 'nothing in between');
echo $bob->text(), "\n";
// A short one is over before the next callback: a timer that does nothing wakes nobody up to tell.
$server->announcePresence('room', grace: 0.05);
$ann->vanish();
echo $bob->text(), "\n";
echo json_encode($server->presence('room')), "\n";
// Without clients, the hooks hear alone; what is no longer announced is not told at all.
$server->announcePresence('room', toClients: false);
$cid = Client::connect($server, '/cid');
waitFor($story, 4, $server);
$server->announcePresence([]);
$cid->vanish();
waitFor($closed, 3, $server);
$server->publish('room', 'silence');
echo $bob->text(), "\n", implode(', ', $story), "\n";
// Who is still there at the end has left by then, whatever the grace.
$server->announcePresence('room', grace: 3600.0);
$server->stop(0.0);
echo implode(', ', $story), "\n";
?>
--EXPECT--
ValueError: Ferrite\Server::announcePresence(): Argument #1 ($topics) must be a topic, 1 to 200 bytes of printable ASCII without spaces and commas, "a b" given
ValueError: Ferrite\Server::announcePresence(): Argument #1 ($topics) must be a topic, 1 to 200 bytes of printable ASCII without spaces and commas, "\xc3\xa9" given
TypeError: Ferrite\Server::announcePresence(): Argument #1 ($topics) must be a string or a list of strings
TypeError: Ferrite\Server::announcePresence(): Argument #1 ($topics) must be a string or a list of strings
ValueError: Ferrite\Server::announcePresence(): Argument #2 ($grace) must be 0 seconds or more, and at most ten years, -1 given
ValueError: Ferrite\Server::announcePresence(): Argument #2 ($grace) must be 0 seconds or more, and at most ten years, NaN given
ValueError: Ferrite\Server::announcePresence(): Argument #2 ($grace) must be 0 seconds or more, and at most ten years, inf given
ValueError: Ferrite\Server::presence(): Argument #1 ($topic) must be a topic, 1 to 200 bytes of printable ASCII without spaces and commas, "a b" given
bool(true)
{"event":"join","topic":"room","user":"bob"}
{"event":"join","topic":"room","user":"ann"}
["ann","bob"]
nothing in between
{"event":"leave","topic":"room","user":"ann"}
["bob"]
silence
join bob, join ann, leave ann, join cid
join bob, join ann, leave ann, join cid, leave bob
