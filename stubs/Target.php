<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Some of a server's connections, by what they are; from {@see Server::to()}. Immutable: each selector returns
 * another target, so one may be kept and narrowed in several ways.
 *
 * Different selectors narrow: who is meant fits all of them. Several values of one selector widen:
 * `topic('a', 'b')` is whoever is in one of them, once, and so is `topic('a')->topic('b')`. Without a selector
 * everybody is meant; with one that was given no value nobody is, but for `tags([])` and `except()`, which ask
 * for nothing. A value may have any name, as in `except(connection: $from)` or an array with string keys that is
 * spread; here and in the other methods with `...` it counts like one without.
 *
 * Who is meant is decided when `send()` or another action is called: by what connections are at that moment,
 * with every earlier change by this script. A client is among them from its open callback on. Messages reach each
 * connection in the order in which they were sent, whatever they were sent by.
 *
 * ```php
 * $french = $server->to()->tags(['lang' => 'FR']);
 * $french->send('Bonjour');
 * $french->topic('news')->except($from)->send($story);
 * $server->to()->user('ann')->close(1008, 'banned');
 * ```
 *
 * While the server does not run nobody is meant. The selectors do not touch the network; actions throw
 * {@see StateException} in a forked child. Neither cloneable nor serialisable.
 */
final class Target
{
    private function __construct() {}

    /**
     * Who has joined one of these topics.
     *
     * @throws \ValueError A name is invalid.
     */
    public function topic(string ...$topics): Target {}

    /**
     * Who is one of these users, on however many connections; see {@see Connection::$user}.
     *
     * @throws \ValueError A name is not valid UTF-8.
     */
    public function user(string ...$users): Target {}

    /**
     * Whose tags fit. Given again it narrows further.
     *
     * @param Tag|array<array-key, string|int> $tags A query, or tags that all have to be equal; of an empty array
     *     all are.
     *
     * @throws \ValueError No connection can have such a tag.
     * @throws InvalidQueryException The query would be too large.
     */
    public function tags(Tag|array $tags): Target {}

    /** These connections, or the ones with these ids; those that are gone are nobody. */
    public function connection(Connection|int ...$connections): Target {}

    /** Not these connections, or the ones with these ids. */
    public function except(Connection|int ...$connections): Target {}

    /**
     * Hands one message over to each. Never waits for the network.
     *
     * As with {@see Server::publish()} a client whose outbox is full meets its {@see Limits::$slowConsumer}. The
     * message is framed, and compressed, once for all.
     *
     * @param string $data The message; UTF-8 unless binary.
     * @param bool|null $compress As with {@see Connection::send()}.
     *
     * @return int To how many connections it was addressed.
     *
     * @throws \ValueError A text message is not valid UTF-8, or the message is larger than
     *     {@see Limits::$totalSendBuffer} allows; nothing is sent.
     */
    public function send(string $data, bool $binary = false, ?bool $compress = null): int {}

    /**
     * Closes each, see {@see Connection::close()}.
     *
     * @return int How many were open.
     *
     * @throws \ValueError The code may not be sent, or the reason is too long or not valid UTF-8.
     */
    public function close(int $code = 1000, string $reason = ''): int {}

    /** How many connections are meant now. */
    public function count(): int {}

    /**
     * The connections that are meant now; changing them while iterating is harmless.
     *
     * @return list<Connection>
     */
    public function connections(): array {}

    /**
     * Has each join topics, see {@see Connection::subscribe()}.
     *
     * @return int How many have: one that would have more than {@see Limits::$maxTopics}, or that a rule of
     *     {@see Server::onSubscribe()} refuses one of them, joins none of them and is not counted. Where a rule has to
     *     be asked, neither does one whose open callback has not come yet.
     *
     * @throws \ValueError A name is invalid.
     */
    public function subscribe(string ...$topics): int {}

    /**
     * Has each leave topics.
     *
     * @return int How many connections were meant.
     *
     * @throws \ValueError A name is invalid.
     */
    public function unsubscribe(string ...$topics): int {}

    /**
     * Gives each a tag, see {@see Connection::tag()}.
     *
     * @return int How many have it now: one that would have more than {@see Limits::$maxTags} does not.
     *
     * @throws \ValueError No connection can have such a tag.
     */
    public function tag(string $name, string|int $value): int {}

    /**
     * Takes tags from each.
     *
     * @return int How many connections were meant.
     */
    public function untag(string ...$names): int {}
}
