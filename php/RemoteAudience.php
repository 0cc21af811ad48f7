<?php

declare(strict_types=1);

namespace Ferrite;

use Ferrite\Internal\Message;
use Ferrite\Internal\Selection;
use Ferrite\Internal\Sender;

/**
 * A set of a server's connections, described by selectors; from {@see PublisherInterface::to()}. Immutable: each
 * selector returns another audience, so one may be kept and narrowed in several ways.
 *
 * The selectors are those of `Ferrite\Audience` in the server. Selectors combine with AND, values of one selector with
 * OR: `topic('a', 'b')` matches each connection that is in at least one of the topics, once, and so does
 * `topic('a')->topic('b')`. Without a selector every connection matches. A selector without values matches no
 * connection, except for `tags([])` and `except()`, which change nothing.
 *
 * The server determines the connections when it gets the message.
 *
 * ```php
 * $french = $publisher->to()->tags(['lang' => 'FR']);
 * $french->send('Bonjour');
 * $french->topic('news')->except($id)->send($story);
 * $publisher->to()->user('ann')->close(1008, 'banned');
 * ```
 */
final class RemoteAudience
{
    /** @internal Made by {@see PublisherInterface::to()}. */
    public function __construct(
        private readonly Sender $sender,
        /** @internal */
        public readonly Selection $selection = new Selection(),
    ) {
    }

    /** Selects connections that have joined one of these topics. */
    public function topic(string ...$topics): self
    {
        return $this->with(topics: [...$this->selection->topics ?? [], ...array_values($topics)]);
    }

    /** Selects all connections of these users. */
    public function user(string ...$users): self
    {
        return $this->with(users: [...$this->selection->users ?? [], ...array_values($users)]);
    }

    /**
     * Selects connections by their tags. A second call narrows further.
     *
     * @param array<string, string|int>|string|\Stringable $tags Tags that all have to be equal (an empty array selects
     *     all), or a query such as `lang=FR & (role=admin | role=mod) & !muted`, as a text or a `Ferrite\Tag`. Never
     *     put a user's input into a text: an array needs no quotes.
     *
     * @throws \ValueError The text has a quote or bracket that is not closed. The server reports other errors in it.
     * @throws \TypeError A tag's value is neither a string nor an int.
     */
    public function tags(array|string|\Stringable $tags): self
    {
        if (is_array($tags)) {
            foreach ($tags as $name => $value) {
                if (!is_string($value) && !is_int($value)) {
                    throw new \TypeError("tags: the value of $name has to be a string or an int");
                }
                // Values are equal as keys of an array are: 12 equals '12'.
                $tags[$name] = (string) $value;
            }
        } else {
            $tags = (string) $tags;
            self::checkIsWhole($tags);
        }
        return $tags === [] ? $this : $this->with(tags: [...$this->selection->tags, $tags]);
    }

    /** Selects the connections with these ids; those that are gone do not match. */
    public function connection(int ...$ids): self
    {
        return $this->with(connections: [...$this->selection->connections ?? [], ...array_values($ids)]);
    }

    /** Excludes the connections with these ids. */
    public function except(int ...$ids): self
    {
        return $this->with(except: [...$this->selection->except, ...array_values($ids)]);
    }

    /**
     * Sends one message to each connection.
     *
     * @param string $data The message.
     * @param bool $binary false = a text message, `$data` has to be valid UTF-8; true = a binary message of any bytes.
     * @param bool|null $compress Whether to compress the message for clients that support it; null = the server's
     *     `Compression` decides. No effect if the server has none.
     * @param string|null $id As in {@see PublisherInterface::publish()}.
     *
     * @throws \ValueError A text is not valid UTF-8, or the id is invalid; nothing is sent.
     * @throws PublisherException The message could not be sent.
     */
    public function send(string $data, bool $binary = false, ?bool $compress = null, ?string $id = null): Published
    {
        return $this->sender->sendTo($this->selection, new Message($data, $binary, $compress, $id));
    }

    /**
     * Closes each connection, after the messages sent to it before.
     *
     * A close is never spooled: a late one could close a client that has come back meanwhile. With
     * {@see WhenAway::Spool} it throws as with {@see WhenAway::Throw}.
     *
     * @param int $code 1000, 1001, 1003, 1007–1013 or 3000–4999.
     * @param string $reason At most 123 bytes of UTF-8.
     * @param string|null $id As in {@see PublisherInterface::publish()}.
     *
     * @throws \ValueError A text is not valid UTF-8, or the id is invalid; no connection is closed.
     * @throws PublisherException
     */
    public function close(int $code = 1000, string $reason = '', ?string $id = null): Published
    {
        return $this->sender->closeTo($this->selection, $code, $reason, $id);
    }

    /**
     * Number of connections that match now.
     *
     * @throws \ValueError A text is not valid UTF-8.
     * @throws PublisherException
     */
    public function count(): int
    {
        return $this->sender->countOf($this->selection);
    }

    /**
     * The connections that match now, by id, fetched a thousand at a time during the iteration.
     *
     * @return iterable<RemoteConnection>
     *
     * @throws \ValueError A text is not valid UTF-8.
     * @throws PublisherException While iterating, too.
     */
    public function connections(): iterable
    {
        return $this->sender->connectionsOf($this->selection);
    }

    private function with(mixed ...$changed): self
    {
        return new self($this->sender, new Selection(...$changed + get_object_vars($this->selection)));
    }

    /**
     * Refuses unbalanced brackets: several queries are joined as `(…) & (…)`, and one with a bracket too many could
     * end its own pair and widen the audience.
     *
     * @throws \ValueError
     */
    private static function checkIsWhole(string $query): void
    {
        $rest = preg_replace('/"(?:[^"\\\\]++|\\\\.)*+"/s', '', $query);
        $depth = 0;
        foreach (str_split((string) preg_replace('/[^()"]/', '', (string) $rest)) as $character) {
            $depth += match ($character) {
                '(' => 1,
                ')' => - 1,
                '"' => throw new \ValueError('tags: a quote is not closed'),
                default => 0,
            };
            if ($depth < 0) {
                break;
            }
        }
        if ($rest === null || $depth !== 0) {
            throw new \ValueError('tags: the brackets do not match');
        }
    }
}
