--TEST--
Arguments that a variadic method is given by names, or by spreading string keys, count like the others
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Handshake, Tag};

require __DIR__ . '/../support.inc';

$server = server();
$server->onHandshake(function (Handshake $handshake): void {
    $name = substr($handshake->request->path, 1);
    $handshake->accept($name, [$name], ['name' => $name, 'lang' => 'en', 'id' => 1]);
});
$open = [];
$server->onOpen(function (Connection $connection) use (&$open): void {
    $open[$connection->user] = $connection;
});
$server->start();
$clients = [];
foreach (['ann', 'bob', 'cid'] as $name) {
    $clients[] = Client::connect($server, "/$name");
}
waitFor($open, 3, $server);
['ann' => $ann, 'bob' => $bob, 'cid' => $cid] = $open;
$all = $server->to();
$are = function (string $what, mixed $is, mixed $shall): void {
    if ($is !== $shall) {
        echo "$what: ", json_encode($is), "\n";
    }
};

// A target's selectors.
$are('except one by a name', $all->except(connection: $ann)->count(), 2);
$are('except by place and name', $all->except($ann, connection: $bob)->count(), 1);
$are('except of an array', $all->except(...['a' => $ann, 'b' => $bob->id])->count(), 1);
$are('except of two arrays', $all->except(...[$ann], ...['b' => $bob], c: $cid)->count(), 0);
$are('connection', $all->connection(who: $ann, other: $bob->id)->count(), 2);
$are('topic', $all->topic(...['first' => 'ann', 'second' => 'bob'])->count(), 2);
$are('user', $all->user('ann', user: 'cid')->count(), 2);
$are('by a reference', (function () use ($all): int {
    $name = 'bob';
    $names = ['x' => &$name];

    return $all->user(...$names)->count();
})(), 1);

// What is called for each connection.
$are('subscribe', $all->subscribe(...['room' => 'lobby']), 3);
$are('lobby', $all->topic('lobby')->count(), 3);
$are('unsubscribe', $all->user('ann')->unsubscribe(topic: 'lobby'), 1);
$are('left', $all->topic('lobby')->count(), 2);
$are('untag', $all->user('ann')->untag(name: 'lang'), 1);
$are('untagged', $all->tags(Tag::has('lang'))->count(), 2);

// A connection's own.
$ann->subscribe('a', ...['x' => 'b', 'y' => 'c']);
$topics = $ann->topics();
sort($topics);
$are('topics', $topics, ['a', 'ann', 'b', 'c']);
$ann->unsubscribe(...['x' => 'b'], y: 'c');
$topics = $ann->topics();
sort($topics);
$are('topics after', $topics, ['a', 'ann']);
$bob->untag(one: 'lang', two: 'name');
$are('tags', $bob->tags(), ['id' => 1]);

// A query's.
$are('and', (string) Tag::is('a', 1)->and(other: Tag::is('b', 2)), (string) Tag::is('a', 1)->and(Tag::is('b', 2)));
$are('or', (string) Tag::is('a', 1)->or(...['x' => Tag::is('b', 2)]), (string) Tag::is('a', 1)->or(Tag::is('b', 2)));

// However it is called.
$are('call_user_func_array', call_user_func_array([$all, 'except'], ['x' => $ann, 'y' => $bob])->count(), 1);
$are('call_user_func', call_user_func([$all, 'except'], x: $ann)->count(), 2);
$are('a first-class callable', ($all->except(...))(x: $ann)->count(), 2);
$are('a closure', \Closure::fromCallable([$all, 'user'])->__invoke(x: 'ann')->count(), 1);
$are('reflection', (new \ReflectionMethod($all, 'user'))->invoke($all, x: 'ann')->count(), 1);
$are('reflection with an array', (new \ReflectionMethod($all, 'user'))->invokeArgs($all, ['x' => 'ann'])->count(), 1);
$are('many', $all->connection(...array_fill_keys(array_map(fn ($n) => "n$n", range(1, 100000)), $cid))->count(), 1);

// They are checked as the others are.
foreach ([
    fn () => $all->except(connection: 'ann'),
    fn () => $all->topic('a', b: 'b c'),
    fn () => $ann->subscribe(topic: 7),
    fn () => $ann->untag(name: null),
    fn () => Tag::is('a', 1)->and(other: 'b=2'),
    fn () => $server->to()->user(user: "\xff"),
] as $call) {
    echo thrown($call), "\n";
}
// And where there is no variadic parameter, a name that does not exist is an error of PHP's.
foreach ([
    fn () => $ann->send('x', compressed: true),
    fn () => $ann->send(...['data' => 'x', 'data2' => 'y']),
    fn () => $ann->send('x', data: 'y'),
    fn () => $server->publish(topic: 'a'),
    fn () => new \Ferrite\Limits(...['maxMessages' => 1]),
    fn () => new \Ferrite\Server(...['port' => 1]),
    fn () => Tag::is(name: 'a', values: 1),
    fn () => $all->tags(query: []),
    fn () => $server->poll(timout: 1.0),
    fn () => call_user_func_array([$ann, 'close'], ['code' => 1000, 'why' => 'x']),
] as $call) {
    echo thrown($call), "\n";
}
// An optional argument may be left out by naming a later one.
$ann->send('x', compress: false);
$are('the name of a later argument', $server->publish('ann', data: 'y', except: $ann), 0);
$server->stop(0.0);
?>
--EXPECT--
TypeError: Ferrite\Audience::except(): Argument #1 must be of type Ferrite\Connection|int
ValueError: Ferrite\Audience::topic(): Argument #2 must be a topic, 1 to 200 bytes of printable ASCII without spaces and commas, "b c" given
TypeError: Ferrite\Connection::subscribe(): Argument #1 must be of type string, int given
TypeError: Ferrite\Connection::untag(): Argument #1 must be of type string, null given
TypeError: Ferrite\Tag::and(): Argument #1 must be of type Ferrite\Tag, string given
ValueError: Ferrite\Audience::user(): Argument #1 must be valid UTF-8
Error: Unknown named parameter $compressed
Error: Unknown named parameter $data2
Error: Named parameter $data overwrites previous argument
ArgumentCountError: Ferrite\Server::publish() expects at least 2 arguments, 1 given
Error: Unknown named parameter $maxMessages
Error: Unknown named parameter $port
Error: Unknown named parameter $values
Error: Unknown named parameter $query
Error: Unknown named parameter $timout
Error: Unknown named parameter $why
