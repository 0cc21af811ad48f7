--TEST--
presence(): each user once; subscribers and hooks hear of the first tab and of the last, in order with what PHP says
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake};

require __DIR__ . '/../support.inc';

$server = server(ioThreads: 2);
$server->announcePresence(['room.*', 'hall']);
$server->onHandshake(function (Handshake $handshake): void {
    $name = ltrim($handshake->request->path, '/');
    $handshake->accept(user: $name === '' ? null : $name, topics: ['room.1', 'quiet']);
});
$story = [];
// Not in the story: a join may be told as soon as the network has let somebody in, before the callback's turn.
$opened = [];
$server->onOpen(function (Connection $connection) use ($server, &$opened): void {
    $opened[] = "open {$connection->user}";
    $connection->send('here: ' . implode(' ', $server->presence('room.1')));
});
$server->onMessage(function (Connection $from, string $data) use ($server): void {
    [$verb, $topic] = explode(' ', $data);
    match ($verb) {
        'in' => $from->subscribe($topic),
        'out' => $from->unsubscribe($topic),
        'say' => $server->publish('room.1', "{$from->user} says $topic"),
    };
    $from->send("done $data");
});
$server->onClose(function (Connection $connection) use ($server, &$story): void {
    $story[] = "close {$connection->user}: " . implode(' ', $server->presence('room.1'));
});
$server->onJoin(function (string $topic, string $user) use (&$story): void {
    $story[] = "join $topic $user";
});
$server->onLeave(function (string $topic, string $user) use (&$story): void {
    $story[] = "leave $topic $user";
});
var_dump($server->presence('room.1'));
$server->start();

$guest = Client::connect($server);
echo $guest->text(), "|\n";
$bob = Client::connect($server, '/bob');
echo implode(' | ', $bob->texts(2)), "\n";
$ann = Client::connect($server, '/ann');
echo implode(' | ', $ann->texts(2)), "\n";
$tab = Client::connect($server, '/ann');
echo $tab->text(), "\n";
echo json_encode([$server->presence('room.1'), $server->presence('quiet'), $server->presence('nobody')]), "\n";
// A word after a subscription follows it; one tab that leaves is not news.
$tab->send('out room.1', 'in hall');
echo implode(' | ', $tab->texts(3)), "\n";
$ann->send('say bye', 'out room.1');
echo implode(' | ', $ann->texts(3)), "\n";
// What somebody said right before closing comes before the leave.
$bob->send('say goodbye');
$bob->close();
$bob->rest();
// Of several connections nothing is promised: one after the other.
waitFor($story, 6, $server);
$tab->vanish();
waitFor($story, 8, $server);
$ann->close();
$ann->rest();
waitFor($story, 9, $server);
echo implode("\n", $guest->texts(6)), "\n";
var_dump($guest->hasFrame(), $server->presence('room.1'), $server->presence('hall'));
echo implode("\n", [...$opened, ...$story]), "\n";
$server->stop(0.0);
var_dump($server->presence('room.1'));
?>
--EXPECT--
array(0) {
}
here: |
{"event":"join","topic":"room.1","user":"bob"} | here: bob
{"event":"join","topic":"room.1","user":"ann"} | here: ann bob
here: ann bob
[["ann","bob"],["ann","bob"],[]]
done out room.1 | done in hall | {"event":"join","topic":"hall","user":"ann"}
ann says bye | done say bye | done out room.1
{"event":"join","topic":"room.1","user":"bob"}
{"event":"join","topic":"room.1","user":"ann"}
ann says bye
{"event":"leave","topic":"room.1","user":"ann"}
bob says goodbye
{"event":"leave","topic":"room.1","user":"bob"}
bool(false)
array(0) {
}
array(0) {
}
open 
open bob
open ann
open ann
join room.1 bob
join room.1 ann
join hall ann
leave room.1 ann
close bob: 
leave room.1 bob
close ann: 
leave hall ann
close ann: 
array(0) {
}
