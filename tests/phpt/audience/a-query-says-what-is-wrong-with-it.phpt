--TEST--
Tag: the text form both ways; whatever is wrong is named, a text by its column
--EXTENSIONS--
ferrite
--FILE--
<?php

declare(strict_types=1);

namespace Ferrite\Tests;

use Ferrite\{InvalidQueryException, Tag};

require __DIR__ . '/../support.inc';

$query = Tag::is('lang', 'FR')->and(Tag::in('role', ['admin', 'mod']), Tag::has('muted')->not());
echo $query, "\n", Tag::parse((string) $query), "\n";
var_dump($query instanceof \Stringable);
echo $query->or(Tag::is('a b', 'q"\\'), Tag::in('none', [])), "\n";
$tell = function (callable $do): void {
    try {
        $do();
        echo "nothing\n";
    } catch (\Throwable $error) {
        echo $error::class, ': ', $error->getMessage(), "\n";
    }
};
foreach (['', 'a=', 'lang=FR && x', 'x & (a | b', "größe=\"", 'a;b'] as $wrong) {
    $tell(fn () => Tag::parse($wrong));
}
$tell(fn () => Tag::parse("\xff"));
$tell(fn () => Tag::parse(str_repeat('!', 100_000) . 'a'));
$tell(fn () => Tag::in('a', range(0, 1024)));
$tell(fn () => Tag::in('a', [1.5]));
$tell(fn () => Tag::is("a\n", 1));
$tell(fn () => Tag::is('a', str_repeat('é', 101)));
$tell(fn () => Tag::is('a', true));
$tell(fn () => Tag::has('a')->and(Tag::has('b'), 'c'));
$tell(fn () => clone $query);
$tell(fn () => serialize($query));
$error = null;
try {
    Tag::parse('a b');
} catch (InvalidQueryException $error) {
}
var_dump($error instanceof \Ferrite\Exception, $error instanceof \LogicException);
?>
--EXPECT--
lang=FR & (role=admin | role=mod) & !muted
lang=FR & (role=admin | role=mod) & !muted
bool(true)
(lang=FR & (role=admin | role=mod) & !muted) | "a b"="q\"\\" | (any & !any)
Ferrite\InvalidQueryException: column 1: expected the name of a tag, but the query ends here
Ferrite\InvalidQueryException: column 3: expected a value, but the query ends here
Ferrite\InvalidQueryException: column 10: one & is enough
Ferrite\InvalidQueryException: column 11: expected a closing bracket, & or |, but the query ends here
Ferrite\InvalidQueryException: column 7: a quote that is not closed
Ferrite\InvalidQueryException: column 2: expected & or |, found ';'
ValueError: Ferrite\Tag::parse(): Argument #1 ($query) must be valid UTF-8
Ferrite\InvalidQueryException: the query is nested more than 32 levels deep
Ferrite\InvalidQueryException: the query has more than 1024 conditions
TypeError: Ferrite\Tag::in(): Argument #2 ($values) must be a list of strings and ints
ValueError: Ferrite\Tag::is(): Argument #1 ($name) must name a tag, 1 to 200 bytes of UTF-8 without control characters, "a\n" given
ValueError: Ferrite\Tag::is(): Argument #2 ($value) must not have values of more than 200 bytes, that of the tag "a" has 202
TypeError: Ferrite\Tag::is(): Argument #2 ($value) must be of type string|int
TypeError: Ferrite\Tag::and(): Argument #2 must be of type Ferrite\Tag, string given
Error: Trying to clone an uncloneable object of class Ferrite\Tag
Exception: Serialization of 'Ferrite\Tag' is not allowed
bool(true)
bool(true)
