<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * One client. There is one object per connection, and every callback gets the same one.
 *
 * The object may outlive the client and the server: a client that has gone is not an error. Sending to it then returns
 * {@see SendResult::Closed}, and every other call has no effect.
 *
 * ```php
 * $server->onOpen(function (Ferrite\Connection $client): void {
 *     $client->data = new Session($client->user);
 *     $client->subscribe('news')->send('welcome');
 * });
 * ```
 *
 * As an array it has attributes, plain values that the server keeps with the connection:
 *
 * ```php
 * $client['cart'] = ['id' => 7, 'items' => 2];
 * $items = $client['cart']['items'] ?? 0;
 * unset($client['cart']);
 * ```
 *
 * Every method throws {@see StateException} in a forked child. Only the server makes connections; they are neither
 * cloneable nor serialisable.
 *
 * @implements \ArrayAccess<string|int, null|bool|int|float|string|array<array-key, mixed>>
 */
final class Connection implements \ArrayAccess
{
    /**
     * Opaque and positive; not used again while the server lives. Below 2^53, so that JavaScript and other readers that
     * parse JSON numbers as floats get the same number.
     */
    public readonly int $id;

    /** The request with which the client connected. */
    public readonly Request $request;

    /** The name given by {@see Handshake::accept()} or, without one, by the identity; null if there is none. */
    public readonly ?string $user;

    /** The subprotocol agreed on; null if there is none. */
    public readonly ?string $protocol;

    /** The same as {@see Request::$remoteAddress}. */
    public readonly string $remoteAddress;

    /**
     * Free for the application: any value to keep with the connection. It ends with the PHP process that has set it;
     * attributes, `$connection['key']`, stay with the server.
     */
    public mixed $data = null;

    private function __construct() {}

    /**
     * Queues a message for this client. Never waits for the network.
     *
     * Messages to one connection arrive in the order in which they were sent. The result is known at once, see
     * {@see SendResult}; after `Buffered` wait for {@see Server::onDrain()}.
     *
     * @param string $data The message.
     * @param bool $binary false = a text message, `$data` has to be valid UTF-8; true = a binary message of any bytes.
     * @param bool|null $compress Whether to compress the message for clients that support it; null = compress a text of
     *     at least {@see Compression::$threshold} bytes. No effect without {@see Compression}.
     *
     * @throws \ValueError A text message is not valid UTF-8, or the message is larger than
     *     {@see Limits::$totalSendBuffer} allows; nothing is sent.
     */
    public function send(string $data, bool $binary = false, ?bool $compress = null): SendResult {}

    /**
     * Closes the connection, after everything sent so far has left.
     *
     * From now on sending returns {@see SendResult::Closed} and no message is received. The close callback is called
     * when the client has answered, at the latest after {@see Limits::$closeTimeout}. Without effect on a connection
     * that is closed or closing.
     *
     * @param int $code 1000, 1001, 1003, 1007–1013 or 3000–4999, see {@see CloseCode}.
     * @param string $reason At most 123 bytes of UTF-8.
     *
     * @throws \ValueError The code may not be sent, or the reason is too long or not valid UTF-8.
     */
    public function close(int $code = 1000, string $reason = ''): void {}

    /**
     * Subscribes to topics: the connection receives the messages of later {@see Server::publish()} calls.
     *
     * Subscribing to a topic twice is the same as once. If one topic is refused, the connection subscribes to none.
     *
     * @param string ...$topics 1–200 bytes of printable ASCII without spaces or commas.
     *
     * @throws \ValueError A name is invalid, or the connection would have more than {@see Limits::$maxTopics}.
     * @throws Auth\ForbiddenException A rule of {@see Server::onSubscribe()} refuses a topic.
     */
    public function subscribe(string ...$topics): static {}

    /**
     * Unsubscribes from topics; those without a subscription are ignored.
     *
     * @throws \ValueError A name is invalid.
     */
    public function unsubscribe(string ...$topics): static {}

    /**
     * The connection's topics, in no particular order; empty once the connection is closed.
     *
     * @return list<string>
     */
    public function topics(): array {}

    /**
     * Sets a tag, and replaces its former value. {@see Audience::tags()} finds the connection by it at once.
     *
     * @param string $name 1–200 bytes of UTF-8 without control characters.
     * @param string|int $value At most 200 bytes of UTF-8.
     *
     * @throws \ValueError No connection can have such a tag, or the connection would have more than
     *     {@see Limits::$maxTags}.
     */
    public function tag(string $name, string|int $value): static {}

    /** Removes tags; those that the connection does not have are ignored. */
    public function untag(string ...$names): static {}

    /**
     * The connection's tags with the values as they were given; empty once the connection is closed.
     *
     * @return array<array-key, string|int> By name; PHP makes an int of a name that is a decimal number.
     */
    public function tags(): array {}

    /** False once the connection is closed or closing, from either side. */
    public function isOpen(): bool {}

    /**
     * Bytes that wait to be sent to this client: those of messages that the operating system has not taken yet, and 128
     * more for each message. {@see Limits::$sendBuffer} limits this number.
     */
    public function bufferedAmount(): int {}

    /** Seconds between the last ping and its pong; null before the first pong. */
    public function latency(): ?float {}

    /**
     * Stops reading from this client; TCP then holds the client back, and nothing is lost.
     *
     * Messages that were already read may still arrive. The heartbeat does not end a paused connection; sending to it
     * goes on.
     */
    public function pause(): void {}

    /** Continues reading after {@see Connection::pause()}. */
    public function resume(): void {}

    /**
     * `isset($connection['key'])`: true if the attribute is there and not null.
     *
     * @param string|int $offset
     *
     * @throws \TypeError The key is neither a string nor an int.
     */
    public function offsetExists(mixed $offset): bool {}

    /**
     * `$connection['key']`: the value of an attribute. Without that attribute it is null, with a warning as an array
     * gives; `$connection['key'] ?? null` has none.
     *
     * Attributes can be read until the close callback has returned; later there are none.
     *
     * @param string|int $offset
     *
     * @return null|bool|int|float|string|array<array-key, mixed> A copy: `$connection['key']['part'] = 1` and
     *     `$connection['key']++` change nothing, with a notice. `$connection['key'] += 1` is a way to do it.
     *
     * @throws \TypeError The key is neither a string nor an int.
     */
    public function offsetGet(mixed $offset): mixed {}

    /**
     * `$connection['key'] = $value`: sets an attribute, and replaces its former value. Without effect after
     * {@see Connection::close()}, and from the close callback on; callbacks before it can set attributes of a client
     * that has left.
     *
     * All attributes of a connection together have at most 4096 bytes: keys and values in a compact encoding (an int
     * has 2 bytes or more, a text 2 bytes more than its own), and 3 bytes for each attribute.
     *
     * @param string|int $offset 1–64 bytes of UTF-8; an int is the same as its decimal text.
     * @param null|bool|int|float|string|array<array-key, mixed> $value A string may have any bytes. An array may
     *     contain the same types, in up to 16 levels of arrays. References in it are kept as the values that they have.
     *
     * @throws \TypeError The key is neither a string nor an int, as in `$connection[] = $value`, or the value is or
     *     contains an object, a closure or a resource.
     * @throws \ValueError The key is empty, too long or not valid UTF-8, the value has too many levels or contains
     *     itself, or the attributes would have more than 4096 bytes. The former value stays.
     */
    public function offsetSet(mixed $offset, mixed $value): void {}

    /**
     * `unset($connection['key'])`: removes an attribute, if it is there. Without effect after
     * {@see Connection::close()}, and from the close callback on.
     *
     * @param string|int $offset
     *
     * @throws \TypeError The key is neither a string nor an int.
     */
    public function offsetUnset(mixed $offset): void {}
}
