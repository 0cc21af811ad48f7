<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * One client. There is one object per connection, the same one in every callback.
 *
 * It outlives the client and the server harmlessly: a client that has gone is not an error, sending to
 * it answers {@see SendResult::Closed} and everything else has no effect.
 *
 * ```php
 * $server->onOpen(function (Ferrite\Connection $client): void {
 *     $client->data = new Session($client->user);
 *     $client->subscribe('news')->send('welcome');
 * });
 * ```
 *
 * Every method throws {@see StateException} in a forked child. Made by the server only; neither
 * cloneable nor serialisable.
 */
final class Connection
{
    /**
     * Opaque, positive, never used again while the server lives. Below 2^53, so that JavaScript and everybody else who reads
     * numbers of JSON as floats has the same one.
     */
    public readonly int $id;

    /** What the client asked for when it connected. */
    public readonly Request $request;

    /** The name given by {@see Handshake::accept()}. */
    public readonly ?string $user;

    /** The subprotocol agreed on. */
    public readonly ?string $protocol;

    /** The same as {@see Request::$remoteAddress}. */
    public readonly string $remoteAddress;

    /** Yours: anything the application wants to keep with the connection. */
    public mixed $data = null;

    private function __construct() {}

    /**
     * Hands a message over to be sent. Never waits for the network.
     *
     * Messages to one connection arrive in the order in which they were sent. The answer is known at
     * once, see {@see SendResult}; after `Buffered` wait for {@see Server::onDrain()}.
     *
     * @param string $data The message; UTF-8 unless binary.
     * @param bool|null $compress Whether to compress it for clients that can; null = a text of at least
     *     {@see Compression::$threshold} bytes is. Means nothing without {@see Compression}.
     *
     * @throws \ValueError A text message is not valid UTF-8, or the message is larger than
     *     {@see Limits::$totalSendBuffer} allows; nothing is sent.
     */
    public function send(string $data, bool $binary = false, ?bool $compress = null): SendResult {}

    /**
     * Closes, after everything sent so far has left.
     *
     * From now on sending answers {@see SendResult::Closed} and no message is received; the close callback
     * comes when the client has answered, at the latest after {@see Limits::$closeTimeout}. Without effect
     * on a connection that is closed or closing.
     *
     * @param int $code 1000, 1001, 1003, 1007–1013 or 3000–4999, see {@see CloseCode}.
     * @param string $reason At most 123 bytes of UTF-8.
     *
     * @throws \ValueError The code may not be sent, or the reason is too long or not valid UTF-8.
     */
    public function close(int $code = 1000, string $reason = ''): void {}

    /**
     * Joins topics; the messages of {@see Server::publish()} calls made after this one arrive.
     *
     * Joining twice is joining once. When one name is refused, none is joined.
     *
     * @param string ...$topics 1–200 bytes of printable ASCII without spaces or commas.
     *
     * @throws \ValueError A name is invalid, or it would be more than {@see Limits::$maxTopics}.
     * @throws Auth\ForbiddenException A rule of {@see Server::onSubscribe()} refuses one.
     */
    public function subscribe(string ...$topics): static {}

    /**
     * Leaves topics; those it had not joined are ignored.
     *
     * @throws \ValueError A name is invalid.
     */
    public function unsubscribe(string ...$topics): static {}

    /**
     * The topics it has joined, in no particular order; empty once closed.
     *
     * @return list<string>
     */
    public function topics(): array {}

    /**
     * Gives it a tag, in place of the value that it had. {@see Target::tags()} finds it by that at once.
     *
     * @param string $name 1–200 bytes of UTF-8 without control characters.
     * @param string|int $value At most 200 bytes of UTF-8.
     *
     * @throws \ValueError No connection can have such a tag, or it would be more than {@see Limits::$maxTags}.
     */
    public function tag(string $name, string|int $value): static {}

    /** Takes tags from it; those that it does not have are ignored. */
    public function untag(string ...$names): static {}

    /**
     * Its tags, by name, as they were given; empty once closed.
     *
     * @return array<array-key, string|int> By name; PHP makes an int of a name that is a decimal number.
     */
    public function tags(): array {}

    /** False once it is closed or closing, by either side. */
    public function isOpen(): bool {}

    /**
     * Memory of what was handed over to be sent to this client and was not yet taken by the operating system: the bytes of
     * the messages, and 128 for each. What {@see Limits::$sendBuffer} limits.
     */
    public function bufferedAmount(): int {}

    /** Seconds between the last ping and its pong; null before the first pong. */
    public function latency(): ?float {}

    /**
     * Stops reading from this client, which is then held back by TCP; nothing is lost.
     *
     * Messages that have already been read may still arrive. The heartbeat does not end a paused
     * connection; sending to it goes on.
     */
    public function pause(): void {}

    /** Goes on reading after {@see Connection::pause()}. */
    public function resume(): void {}
}
