<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A boolean query over the tags of connections, for {@see Audience::tags()}. Immutable.
 *
 * It matches exactly the connections that it describes, never more. A connection has a tag if {@see Connection::tag()}
 * or {@see Handshake::accept()} gave it one of that name. Values are equal as keys of an array are: `12` equals `'12'`,
 * but not `'012'`. Case matters.
 *
 * ```php
 * $query = Tag::is('lang', 'FR')->and(Tag::in('role', ['admin', 'mod']), Tag::has('muted')->not());
 * $query = Tag::parse('lang=FR & (role=admin | role=mod) & !muted'); // the same
 * ```
 *
 * At most 32 levels deep and 1024 conditions long; neither cloneable nor serialisable (its text is).
 */
final class Tag implements \Stringable
{
    private function __construct() {}

    /**
     * Matches connections that have the tag with this value.
     *
     * @param string $name 1–200 bytes of UTF-8 without control characters.
     * @param string|int $value At most 200 bytes of UTF-8.
     *
     * @throws \ValueError No connection can have such a tag.
     */
    public static function is(string $name, string|int $value): Tag {}

    /**
     * Matches connections that have the tag with one of these values; an empty list matches none.
     *
     * @param list<string|int> $values
     *
     * @throws \ValueError No connection can have such a tag.
     * @throws InvalidQueryException There are more than 1024.
     */
    public static function in(string $name, array $values): Tag {}

    /**
     * Matches connections that have the tag, with any value.
     *
     * @throws \ValueError No connection can have such a tag.
     */
    public static function has(string $name): Tag {}

    /**
     * Reads the text form: `name`, `name=value`, `name!=value`, joined by `&` and `|`, negated by `!`, grouped by round
     * brackets; `!` binds closer than `&`, and that closer than `|`.
     *
     * `name!=value` also matches connections without the tag. Names and values with other characters than letters,
     * digits and `_ - . : / @ + * # $ %` are written in double quotes, within which `\"` and `\\` are a quote and a
     * backslash. No character is a wildcard.
     *
     * @throws \ValueError The query is not valid UTF-8.
     * @throws InvalidQueryException The query cannot be read; the message begins with the column.
     */
    public static function parse(string $query): Tag {}

    /**
     * Matches connections that this query and all others match.
     *
     * @throws InvalidQueryException The query would be too large.
     */
    public function and(Tag ...$others): Tag {}

    /**
     * Matches connections that this query or at least one of the others matches.
     *
     * @throws InvalidQueryException The query would be too large.
     */
    public function or(Tag ...$others): Tag {}

    /**
     * Matches connections that this query does not match.
     *
     * @throws InvalidQueryException The query would be too large.
     */
    public function not(): Tag {}

    /** The text form; {@see Tag::parse()} reads it. */
    public function __toString(): string {}
}
