--TEST--
onSubscribe: the first rule that matches decides, nothing is half done, exceptions pass through
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{Connection, Limits};

require __DIR__ . '/../support.inc';

$asked = [];
$server = server(limits: new Limits(maxTopics: 4));
$rule = function (string $name, bool|callable $answer) use (&$asked): callable {
    return function (Connection $connection, string $topic, array $parameters) use ($name, $answer, &$asked): mixed {
        $asked[] = "$name $topic " . json_encode($parameters);

        return is_callable($answer) ? $answer($connection, $topic) : $answer;
    };
};
$server->onSubscribe('orders.{id}', $rule('orders', fn (Connection $c, string $topic): bool => $topic === 'orders.1'))
    ->onSubscribe('{kind}.{id}', $rule('never for orders', true))
    ->onSubscribe('private:*', $rule('private', false))
    ->onSubscribe('throws', $rule('throws', fn () => throw new \DomainException('of the rule')))
    ->onSubscribe('null', $rule('null', fn () => null))
    ->onSubscribe('one', $rule('one', 1 === 2));
$server->onSubscribe('one', $rule('one again', true));
$connection = null;
$server->onOpen(function (Connection $opened) use (&$connection): void {
    $connection = $opened;
});
$server->start();
$client = Client::connect($server);
waitFor($connection, 1, $server);

foreach ([
    ['orders.1'],
    ['orders.1', 'free', 'invoices.2'],
    ['orders.2'],
    ['lobby', 'private:a'],
    ['private:'],
    ['throws'],
    ['null'],
    ['one'],
    ['too', 'many'],
] as $topics) {
    $asked = [];
    echo implode(' ', $topics), ' -> ', thrown(fn () => $connection->subscribe(...$topics));
    echo ' | ', implode(' ', $connection->topics()), $asked === [] ? '' : ' | ', implode(', ', $asked), "\n";
}
foreach (['', 'a b', '{id', '{a}{b}', '{a}.{a}', "\xff", str_repeat('x', 201)] as $pattern) {
    echo thrown(fn () => $server->onSubscribe($pattern, fn () => true)), "\n";
}
echo thrownClass(fn () => $server->onSubscribe('a', 'no function')), "\n";
$server->stop(0.0);
?>
--EXPECT--
orders.1 -> nothing thrown | orders.1 | orders orders.1 {"id":"1"}
orders.1 free invoices.2 -> nothing thrown | orders.1 free invoices.2 | never for orders invoices.2 {"kind":"invoices","id":"2"}
orders.2 -> Ferrite\Auth\ForbiddenException: The rule for "orders.{id}" does not let this connection subscribe to "orders.2" | orders.1 free invoices.2 | orders orders.2 {"id":"2"}
lobby private:a -> Ferrite\Auth\ForbiddenException: The rule for "private:*" does not let this connection subscribe to "private:a" | orders.1 free invoices.2 | private private:a []
private: -> Ferrite\Auth\ForbiddenException: The rule for "private:*" does not let this connection subscribe to "private:" | orders.1 free invoices.2 | private private: []
throws -> DomainException: of the rule | orders.1 free invoices.2 | throws throws []
null -> TypeError: The rule of onSubscribe must return bool, null returned | orders.1 free invoices.2 | null null []
one -> nothing thrown | orders.1 free invoices.2 one | one again one []
too many -> ValueError: A connection may have at most 4 topics (Limits::$maxTopics) | orders.1 free invoices.2 one
ValueError: Ferrite\Server::onSubscribe(): Argument #1 ($pattern) must have 1 to 200 bytes
ValueError: Ferrite\Server::onSubscribe(): Argument #1 ($pattern) must be printable ASCII without spaces and commas
ValueError: Ferrite\Server::onSubscribe(): Argument #1 ($pattern) must have a name between braces, as in "orders.{id}"
ValueError: Ferrite\Server::onSubscribe(): Argument #1 ($pattern) must have something between two placeholders
ValueError: Ferrite\Server::onSubscribe(): Argument #1 ($pattern) must not have one name in braces twice
ValueError: Ferrite\Server::onSubscribe(): Argument #1 ($pattern) must be printable ASCII without spaces and commas
ValueError: Ferrite\Server::onSubscribe(): Argument #1 ($pattern) must have 1 to 200 bytes
TypeError
