<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Sends to the clients of a running server from any PHP program: a page of PHP-FPM, a cron job, a queue worker. The
 * methods have the names of those of `Ferrite\Server`.
 *
 * {@see Publisher} is the real one, {@see Testing\FakePublisher} the one for tests.
 *
 * Every method throws {@see UnauthorizedException} if the server does not accept the key, and {@see RefusedException}
 * for a call that the server refuses. Every method throws {@see ServerAwayException} unless its description says
 * otherwise; the methods that send do so only as {@see WhenAway} says.
 *
 * Messages of one program reach each connection in the order in which they were sent; between programs there is no
 * order.
 */
interface PublisherInterface
{
    /**
     * Sends to the subscribers of a topic.
     *
     * @param string $topic 1–200 bytes of printable ASCII without spaces or commas.
     * @param string $data The message.
     * @param bool $binary false = a text message, `$data` has to be valid UTF-8; true = a binary message of any bytes.
     * @param int|list<int> $except Ids ({@see RemoteConnection::$id}) of connections that do not receive the message.
     * @param bool|null $compress Whether to compress the message for clients that support it; null = the server's
     *     `Compression` decides. No effect if the server has none.
     * @param string|null $id 1–64 printable ASCII characters that name this message: if a call is repeated with the
     *     same id within ten minutes, the message is sent once. null = an id is generated.
     *
     * @throws \ValueError A text message is not valid UTF-8, or the id is invalid; nothing is sent.
     * @throws \TypeError `$except` has values that are not ids.
     * @throws PublisherException The message could not be sent.
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
     * Sends to every open connection.
     *
     * @param string $data The message.
     * @param bool $binary false = a text message, `$data` has to be valid UTF-8; true = a binary message of any bytes.
     * @param int|list<int> $except Ids ({@see RemoteConnection::$id}) of connections that do not receive the message.
     * @param bool|null $compress Whether to compress the message for clients that support it; null = the server's
     *     `Compression` decides. No effect if the server has none.
     * @param string|null $id As in {@see self::publish()}.
     *
     * @throws \ValueError A text message is not valid UTF-8, or the id is invalid; nothing is sent.
     * @throws \TypeError `$except` has values that are not ids.
     * @throws PublisherException The message could not be sent.
     */
    public function broadcast(
        string $data,
        bool $binary = false,
        int|array $except = [],
        ?bool $compress = null,
        ?string $id = null,
    ): Published;

    /** All connections; the selectors of the audience (topic, user, tags) narrow them. */
    public function to(): RemoteAudience;

    /**
     * The open connections, by id, fetched a thousand at a time during the iteration.
     *
     * @return iterable<RemoteConnection>
     *
     * @throws PublisherException While iterating, too.
     */
    public function connections(): iterable;

    /**
     * The topics that have subscribers, with their numbers of connections, in the order of their names; fetched a
     * thousand at a time during the iteration.
     *
     * @param string $prefix Only topics that begin with this text.
     *
     * @return iterable<string, int>
     *
     * @throws \ValueError The prefix is not valid UTF-8.
     * @throws PublisherException While iterating, too.
     */
    public function topics(string $prefix = ''): iterable;

    /**
     * The users and connections of a topic.
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
     * State of the server. A server that does not answer is {@see ServerHealth::Away} and no exception.
     *
     * @throws PublisherException But never {@see ServerAwayException}.
     */
    public function health(): ServerHealth;
}
