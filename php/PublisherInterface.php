<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Speaks to the clients of a running server from any PHP program: a page of PHP-FPM, a cron job, a queue worker. The
 * words are those of `Ferrite\Server`.
 *
 * {@see Publisher} is the real one, {@see Testing\FakePublisher} the one for tests.
 *
 * Every method throws {@see UnauthorizedException} if the server does not accept the key, and
 * {@see RefusedException} for what it will not do. {@see ServerAwayException} is thrown unless said otherwise, and by
 * the methods that send only as {@see WhenAway} says.
 *
 * Messages reach each connection in the order in which one program sends them; between programs nothing is promised.
 */
interface PublisherInterface
{
    /**
     * Sends to the subscribers of a topic.
     *
     * @param string $topic 1–200 bytes of printable ASCII without spaces or commas.
     * @param string $data The message; UTF-8 unless binary.
     * @param int|list<int> $except Who shall not get it, by {@see RemoteConnection::$id}.
     * @param bool|null $compress Whether to compress it for clients that can; null = as the server's `Compression`
     *     says.
     * @param string|null $id 1–64 printable ASCII characters that name this message: if a call is repeated with the
     *     same id within ten minutes, it is sent once. null = one is made up.
     *
     * @throws \ValueError A text is not valid UTF-8, or the id is none; nothing is sent.
     * @throws \TypeError `$except` has something else than ids.
     * @throws PublisherException
     */
    public function publish(
        string $topic,
        string $data,
        bool $binary = false,
        int|array $except = [],
        ?bool $compress = null,
        ?string $id = null,
    ): Published;

    /**
     * Sends to every open connection; the parameters are those of {@see self::publish()}.
     *
     * @param int|list<int> $except
     *
     * @throws \ValueError
     * @throws \TypeError
     * @throws PublisherException
     */
    public function broadcast(
        string $data,
        bool $binary = false,
        int|array $except = [],
        ?bool $compress = null,
        ?string $id = null,
    ): Published;

    /** All connections, to be narrowed by what they are: topic, user, tags. */
    public function to(): Audience;

    /**
     * The connections that are open, by id, fetched a thousand at a time while you iterate.
     *
     * @return iterable<RemoteConnection>
     *
     * @throws PublisherException While iterating, too.
     */
    public function connections(): iterable;

    /**
     * The topics that somebody has joined, and by how many connections, in the order of their names; fetched a thousand
     * at a time while you iterate.
     *
     * @return iterable<string, int>
     *
     * @throws \ValueError The prefix is not valid UTF-8.
     * @throws PublisherException While iterating, too.
     */
    public function topics(string $prefix = ''): iterable;

    /**
     * Who has joined a topic.
     *
     * @throws \ValueError The topic is not valid UTF-8.
     * @throws PublisherException
     */
    public function presence(string $topic): TopicPresence;

    /**
     * The figures of `Server::stats()`.
     *
     * @return array<string, int|float>
     *
     * @throws PublisherException
     */
    public function stats(): array;

    /**
     * Whether the server serves. A server that does not answer is {@see ServerHealth::Away} and no exception.
     *
     * @throws PublisherException But never {@see ServerAwayException}.
     */
    public function health(): ServerHealth;
}
