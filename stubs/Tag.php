<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Which tags a connection must have to be meant: a boolean query, for {@see Target::tags()}. Immutable.
 *
 * It matches exactly the connections that it says, never more. A connection has a tag if
 * {@see Connection::tag()} or {@see Handshake::accept()} gave it one of that name. Values are equal as the
 * keys of an array are: `12` is `'12'`, and `'012'` is another. Letters of either case differ.
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
     * Has the tag with this value.
     *
     * @param string $name 1–200 bytes of UTF-8 without control characters.
     * @param string|int $value At most 200 bytes of UTF-8.
     *
     * @throws \ValueError No connection can have such a tag.
     */
    public static function is(string $name, string|int $value): Tag {}

    /**
     * Has the tag with one of these values; without any it matches nobody.
     *
     * @param list<string|int> $values
     *
     * @throws \ValueError No connection can have such a tag.
     * @throws InvalidQueryException There are more than 1024.
     */
    public static function in(string $name, array $values): Tag {}

    /**
     * Has the tag, whatever its value.
     *
     * @throws \ValueError No connection can have such a tag.
     */
    public static function has(string $name): Tag {}

    /**
     * Reads the text form: `name`, `name=value`, `name!=value`, joined by `&` and `|`, negated by `!`, grouped by
     * round brackets; `!` binds closer than `&`, and that closer than `|`.
     *
     * `name!=value` matches whoever does not have the tag, too. Names and values with other characters than
     * letters, digits and `_ - . : / @ + * # $ %` stand in double quotes, within which `\"` and `\\` are a quote
     * and a backslash. No character is a wildcard.
     *
     * @throws \ValueError It is not valid UTF-8.
     * @throws InvalidQueryException It cannot be read; the message begins with the column.
     */
    public static function parse(string $query): Tag {}

    /**
     * This and all others.
     *
     * @throws InvalidQueryException It would be too large.
     */
    public function and(Tag ...$others): Tag {}

    /**
     * This or one of the others, or several.
     *
     * @throws InvalidQueryException It would be too large.
     */
    public function or(Tag ...$others): Tag {}

    /**
     * Whatever this does not match.
     *
     * @throws InvalidQueryException It would be too large.
     */
    public function not(): Tag {}

    /** The text form, which {@see Tag::parse()} reads. */
    public function __toString(): string {}
}
