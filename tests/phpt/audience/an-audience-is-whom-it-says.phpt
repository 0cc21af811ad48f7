--TEST--
to(): topics, users, tags, connections and their combinations; a change is seen by the next send
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Tag};

require __DIR__ . '/../support.inc';

$people = [
    'ann' => [['news'], ['lang' => 'FR', 'role' => 'admin', 'id' => 1]],
    'bob' => [['news', 'sport'], ['lang' => 'FR', 'role' => 'user', 'id' => '2']],
    'cid' => [['sport'], ['lang' => 'EN', 'role' => 'mod', 'muted' => 1]],
    'dan' => [[], []],
];
$server = server(ioThreads: 2);
$server->onHandshake(function (Handshake $handshake) use ($people): void {
    [$name] = explode('-', ltrim($handshake->request->path, '/'));
    [$topics, $tags] = $people[$name];
    $handshake->accept($name, $topics, $tags);
});
$open = [];
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open[ltrim($connection->request->path, '/')] = $connection;
});
$server->start();
$clients = [];
foreach (['ann', 'bob', 'cid', 'dan', 'ann-phone'] as $name) {
    $clients[$name] = Client::connect($server, "/$name");
}
while (count($open) < 5) {
    turn($server);
}
$who = function (iterable $connections): string {
    $names = array_map(fn (Connection $connection): string => ltrim($connection->request->path, '/'), [...$connections]);
    sort($names);

    return implode(' ', $names);
};
$all = $server->to();
foreach ([
    'everybody' => $all,
    'news' => $all->topic('news'),
    'news or sport' => $all->topic('news', 'sport'),
    'the same' => $all->topic('news')->topic('sport'),
    'a topic of nobody' => $all->topic('none'),
    'no topic' => $all->topic(),
    'ann' => $all->user('ann'),
    'ann in sport' => $all->user('ann')->topic('sport'),
    'no user' => $all->user(...[]),
    'FR' => $all->tags(['lang' => 'FR']),
    'FR and user' => $all->tags(['lang' => 'FR', 'role' => 'user']),
    'FR, then user' => $all->tags(['lang' => 'FR'])->tags(['role' => 'user']),
    'FR and an unknown value' => $all->tags(['lang' => 'FR', 'role' => 'nobody']),
    'no tags asked for' => $all->tags([]),
    'int and string' => $all->tags(Tag::in('id', ['1', 2])),
    'parsed' => $all->tags(Tag::parse('lang=FR & (role=admin | role=mod) | muted')),
    'not' => $all->tags(Tag::has('lang')->not()),
    'nor' => $all->tags(Tag::parse('!(lang=FR | lang=EN)')),
    'differs' => $all->tags(Tag::parse('lang!=FR')),
    'given' => $all->connection($open['bob'], $open['dan']->id, $open['bob'], 12345),
    'given in news' => $all->connection($open['bob'], $open['dan'])->topic('news'),
    'but' => $all->except($open['bob'], $open['dan']->id),
    'FR but bob' => $all->tags(['lang' => 'FR'])->except($open['bob']),
    'wildcards' => $all->tags(['lang' => '*']),
] as $what => $target) {
    $count = $target->count();
    $names = $who($target->connections());
    echo str_pad("$what:", 24), $count, ' ', $names, "\n";
    $sent = $target->send($what);
    $sent === $count || print("sent to $sent\n");
}
// Each got exactly what was meant for it, in order.
foreach (['dan' => 6, 'cid' => 7] as $name => $count) {
    echo "$name: ", implode(', ', $clients[$name]->texts($count)), "\n";
}
$french = $all->tags(['lang' => 'FR']);
echo $french->count();
$open['cid']->tag('lang', 'FR');
echo $french->count();
$open['ann']->untag('lang');
echo $french->count();
$open['bob']->close();
echo $french->count(), $all->topic('news')->count(), "\n";
echo $french->subscribe('france'), $all->topic('france')->tag('seen', 1), $all->tags(Tag::has('seen'))->untag('seen'), $all->tags(Tag::has('seen'))->count(), "\n";
echo $all->topic('france')->unsubscribe('france'), $all->topic('france')->count(), "\n";
echo $all->user('ann')->close(1008, 'banned'), ' ', implode(', ', array_slice($clients['ann']->rest(), -1)), "\n";
$server->stop(0.0);
echo $all->count(), $all->send('x'), $all->close(), count($all->connections()), "\n";
?>
--EXPECT--
everybody:              5 ann ann-phone bob cid dan
news:                   3 ann ann-phone bob
news or sport:          4 ann ann-phone bob cid
the same:               4 ann ann-phone bob cid
a topic of nobody:      0 
no topic:               0 
ann:                    2 ann ann-phone
ann in sport:           0 
no user:                0 
FR:                     3 ann ann-phone bob
FR and user:            1 bob
FR, then user:          1 bob
FR and an unknown value:0 
no tags asked for:      5 ann ann-phone bob cid dan
int and string:         3 ann ann-phone bob
parsed:                 3 ann ann-phone cid
not:                    1 dan
nor:                    1 dan
differs:                2 cid dan
given:                  2 bob dan
given in news:          1 bob
but:                    3 ann ann-phone cid
FR but bob:             2 ann ann-phone
wildcards:              0 
dan: everybody, no tags asked for, not, nor, differs, given
cid: everybody, news or sport, the same, no tags asked for, parsed, differs, but
34322
2220
20
2 1008 banned
0000
