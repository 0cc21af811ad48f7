<?php

declare(strict_types=1);

namespace Ferrite;

use Ferrite\Internal\Message;
use Ferrite\Internal\Selection;
use Ferrite\Internal\Sender;

/**
 * Some of a server's connections, by what they are; from {@see PublisherInterface::to()}. Immutable: each selector
 * returns another audience, so one may be kept and narrowed in several ways.
 *
 * The words mean what they mean to `Ferrite\Target` in the server. Different selectors narrow: who is meant fits all of
 * them. Several values of one selector widen: `topic('a', 'b')` is whoever is in one of them, once, and so is
 * `topic('a')->topic('b')`. Without a selector everybody is meant; with one that was given no value nobody is, but for
 * `tags([])` and `except()`, which ask for nothing.
 *
 * Who is meant is decided when the server gets it.
 *
 * ```php
 * $french = $publisher->to()->tags(['lang' => 'FR']);
 * $french->send('Bonjour');
 * $french->topic('news')->except($id)->send($story);
 * $publisher->to()->user('ann')->close(1008, 'banned');
 * ```
 */
final class Audience
{
    /** @internal Made by {@see PublisherInterface::to()}. */
    public function __construct(
        private readonly Sender $sender,
        /** @internal */
        public readonly Selection $selection = new Selection(),
    ) {
    }

    /** Who has joined one of these topics. */
    public function topic(string ...$topics): self
    {
        return $this->with(topics: [...$this->selection->topics ?? [], ...array_values($topics)]);
    }

    /** Who is one of these users, on however many connections. */
    public function user(string ...$users): self
    {
        return $this->with(users: [...$this->selection->users ?? [], ...array_values($users)]);
    }

    /**
     * Whose tags fit. Given again it narrows further.
     *
     * @param array<string, string|int>|string|\Stringable $tags Tags that all have to be equal (of an empty array all
     *     are), or a query such as `lang=FR & (role=admin | role=mod) & !muted`, as a text or a `Ferrite\Tag`. Never
     *     put what a user wrote into a text: an array needs no quotes.
     *
     * @throws \ValueError The text has a quote or bracket that is not closed. Whatever else is wrong with it, the
     *     server says.
     * @throws \TypeError A tag's value is neither a string nor an int.
     */
    public function tags(array|string|\Stringable $tags): self
    {
        if (is_array($tags)) {
            foreach ($tags as $name => $value) {
                if (!is_string($value) && !is_int($value)) {
                    throw new \TypeError("tags: the value of $name has to be a string or an int");
                }
                // Values are equal as keys of an array are: 12 is '12'.
                $tags[$name] = (string) $value;
            }
        } else {
            $tags = (string) $tags;
            self::checkIsWhole($tags);
        }
        return $tags === [] ? $this : $this->with(tags: [...$this->selection->tags, $tags]);
    }

    /** The connections with these ids; those that are gone are nobody. */
    public function connection(int ...$ids): self
    {
        return $this->with(connections: [...$this->selection->connections ?? [], ...array_values($ids)]);
    }

    /** Not the connections with these ids. */
    public function except(int ...$ids): self
    {
        return $this->with(except: [...$this->selection->except, ...array_values($ids)]);
    }

    /**
     * Sends one message to each; see {@see PublisherInterface::publish()}.
     *
     * @throws \ValueError A text is not valid UTF-8, or the id is none; nothing is sent.
     * @throws PublisherException
     */
    public function send(string $data, bool $binary = false, ?bool $compress = null, ?string $id = null): Published
    {
        return $this->sender->sendTo($this->selection, new Message($data, $binary, $compress, $id));
    }

    /**
     * Closes each, after what was sent to it before.
     *
     * It is never spooled: who is closed late may be somebody who has come back meanwhile. With {@see WhenAway::Spool}
     * it throws as with {@see WhenAway::Throw}.
     *
     * @param int $code 1000, 1001, 1003, 1007–1013 or 3000–4999.
     * @param string $reason At most 123 bytes of UTF-8.
     *
     * @throws \ValueError A text is not valid UTF-8, or the id is none; nothing is closed.
     * @throws PublisherException
     */
    public function close(int $code = 1000, string $reason = '', ?string $id = null): Published
    {
        return $this->sender->closeTo($this->selection, $code, $reason, $id);
    }

    /**
     * How many connections are meant now.
     *
     * @throws \ValueError A text is not valid UTF-8.
     * @throws PublisherException
     */
    public function count(): int
    {
        return $this->sender->countOf($this->selection);
    }

    /**
     * The connections that are meant now, by id, fetched a thousand at a time while you iterate.
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
     * Several queries are joined as `(…) & (…)`: one with a bracket too many could reach out of its own and widen the
     * audience.
     */
    private static function checkIsWhole(string $query): void
    {
        $rest = preg_replace('/"(?:[^"\\\\]++|\\\\.)*+"/s', '', $query);
        $depth = 0;
        foreach (str_split((string) preg_replace('/[^()"]/', '', (string) $rest)) as $character) {
            $depth += match ($character) {
                '(' => 1,
                ')' => -1,
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
