<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A set of a server's connections, described by selectors; from {@see Server::to()}. Immutable: each selector returns
 * another audience, so one may be kept and narrowed in several ways.
 *
 * Selectors combine with AND, values of one selector with OR: `topic('a', 'b')` matches each connection that is in at
 * least one of the topics, once, and so does `topic('a')->topic('b')`. Without a selector every connection matches. A
 * selector without values matches no connection, except for `tags([])` and `except()`, which change nothing. A value
 * may have any name, as in `except(connection: $from)` or an array with string keys that is spread; here and in the
 * other methods with `...` it counts like one without.
 *
 * The connections are determined when `send()` or another action is called, by their state at that moment, with every
 * earlier change by this script. A client belongs to audiences from its open callback on. Messages reach each
 * connection in the order in which they were sent, by any method.
 *
 * ```php
 * $french = $server->to()->tags(['lang' => 'FR']);
 * $french->send('Bonjour');
 * $french->topic('news')->except($from)->send($story);
 * $server->to()->user('ann')->close(1008, 'banned');
 * ```
 *
 * While the server does not run, no connection matches. The selectors do not touch the network; actions throw
 * {@see StateException} in a forked child. Neither cloneable nor serialisable.
 */
final class Audience
{
    private function __construct() {}

    /**
     * Selects connections that have joined one of these topics.
     *
     * @throws \ValueError A name is invalid.
     */
    public function topic(string ...$topics): Audience {}

    /**
     * Selects all connections of these users; see {@see Connection::$user}.
     *
     * @throws \ValueError A name is not valid UTF-8.
     */
    public function user(string ...$users): Audience {}

    /**
     * Selects connections by their tags. A second call narrows further.
     *
     * @param Tag|array<array-key, string|int> $tags A query, or tags that all have to be equal; an empty array selects
     *     all.
     *
     * @throws \ValueError No connection can have such a tag.
     * @throws InvalidQueryException The query would be too large.
     */
    public function tags(Tag|array $tags): Audience {}

    /** Selects these connections, or the ones with these ids; those that are gone do not match. */
    public function connection(Connection|int ...$connections): Audience {}

    /** Excludes these connections, or the ones with these ids. */
    public function except(Connection|int ...$connections): Audience {}

    /**
     * Queues one message for each connection. Never waits for the network.
     *
     * As with {@see Server::publish()}, {@see Limits::$slowConsumer} applies to a client whose outbox is full. The
     * message is framed, and compressed, once for all.
     *
     * @param string $data The message.
     * @param bool $binary false = a text message, `$data` has to be valid UTF-8; true = a binary message of any bytes.
     * @param bool|null $compress Whether to compress the message for clients that support it; null = compress a text of
     *     at least {@see Compression::$threshold} bytes. No effect without {@see Compression}.
     *
     * @return int Number of connections that the message was addressed to.
     *
     * @throws \ValueError A text message is not valid UTF-8, or the message is larger than
     *     {@see Limits::$totalSendBuffer} allows; nothing is sent.
     */
    public function send(string $data, bool $binary = false, ?bool $compress = null): int {}

    /**
     * Closes each connection, see {@see Connection::close()}.
     *
     * @param int $code As in {@see Connection::close()}.
     * @param string $reason At most 123 bytes of UTF-8.
     *
     * @return int Number of connections that were open.
     *
     * @throws \ValueError The code may not be sent, or the reason is too long or not valid UTF-8.
     */
    public function close(int $code = 1000, string $reason = ''): int {}

    /** Number of connections that match now. */
    public function count(): int {}

    /**
     * The connections that match now; changing them while iterating is harmless.
     *
     * @return list<Connection>
     */
    public function connections(): array {}

    /**
     * Subscribes each connection to topics, see {@see Connection::subscribe()}.
     *
     * @return int Number of connections that are subscribed now: a connection that would have more than
     *     {@see Limits::$maxTopics}, or that a rule of {@see Server::onSubscribe()} refuses one of the topics, joins
     *     none of them and is not counted. If a rule has to be called, neither does a connection before its open
     *     callback.
     *
     * @throws \ValueError A name is invalid.
     */
    public function subscribe(string ...$topics): int {}

    /**
     * Unsubscribes each connection from topics.
     *
     * @return int Number of connections that matched.
     *
     * @throws \ValueError A name is invalid.
     */
    public function unsubscribe(string ...$topics): int {}

    /**
     * Gives each connection a tag, see {@see Connection::tag()}.
     *
     * @return int Number of connections that have the tag now: one that would have more than {@see Limits::$maxTags}
     *     does not.
     *
     * @throws \ValueError No connection can have such a tag.
     */
    public function tag(string $name, string|int $value): int {}

    /**
     * Removes tags from each connection.
     *
     * @return int Number of connections that matched.
     */
    public function untag(string ...$names): int {}
}
