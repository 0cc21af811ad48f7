<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * What one client, one address and the whole process may use.
 *
 * Every default is safe; change one by its name:
 *
 * ```php
 * $server = new Ferrite\Server(limits: new Ferrite\Limits(maxMessageSize: 65536));
 * ```
 *
 * Sizes are bytes, times seconds, rates per second. 0 switches a limit off where it says so, and is refused
 * elsewhere.
 */
final class Limits
{
    /**
     * @param int $maxMessageSize Bytes of one received message, all fragments together; over it the client is
     *     closed with 1009. Keep it well under PHP's `memory_limit`.
     * @param int $maxConnections Open at a time; over it clients are answered 503. The limit of open files
     *     minus 64, and minus 320 for each address of `control`, is a ceiling too, and the smaller of both is logged at start.
     * @param int|null $maxConnectionsPerAddress Open at a time from one IP address (IPv6: one /64); over it clients
     *     are answered 429. null is 256, and no limit for loopback, where a proxy may be one address for all of its
     *     clients; a value of your own, also 256, holds for every address. 0 = off.
     * @param float|null $connectRatePerAddress New connections a second from one address, with bursts of twice
     *     that; over it clients are answered 429. null is 50.0, and no limit for loopback; as above. 0.0 = off.
     * @param float $handshakeTimeout Seconds from accepting a socket until its whole request head has come; then
     *     it is closed. A body that comes at less than 8 KiB a second has as long again. The time PHP takes to decide
     *     has its own ten seconds.
     * @param int $sendBuffer Memory for what waits to be sent to one client, in bytes: its messages, and 128 bytes
     *     more for each; over it `$slowConsumer` acts. A message for a client for whom nothing else waits may be
     *     larger. It is also the most that the body and the headers of an HTTP response may be.
     * @param int $totalSendBuffer The same for all clients; over it `$slowConsumer` acts on those for whom most
     *     waits, until the rest fits, whoever is sent to. Where messages are dropped and that does not suffice,
     *     they are closed. Divided evenly among the I/O threads; a message larger than such a share is a
     *     `ValueError`.
     * @param float $sendTimeout Seconds in which a client acknowledges nothing while something waits to be sent to
     *     it; then it is closed. 0.0 = off.
     * @param SlowConsumer $slowConsumer What happens when a send buffer is full.
     * @param int $receiveMessages Messages of one client waiting for PHP; over it that client is not read
     *     until PHP has caught up. Nothing is dropped.
     * @param int $receiveBytes The same in bytes: of each message its length, and 64 more.
     * @param int $totalReceiveBytes The same for all clients together. As much again may be what large compressed
     *     messages that are not whole yet have been inflated to; over it further ones are inflated once whole.
     * @param float $messageRate Messages a second from one client; over it reading is delayed, and a client
     *     that keeps on is closed with 1008. 0.0 = off.
     * @param float $closeTimeout Seconds a client may take to answer a close frame before it is cut off.
     * @param int $maxTopics Topics that one connection may have joined; over it PHP gets a `ValueError`.
     * @param int $maxTags Tags that one connection may have; over it PHP gets a `ValueError`.
     * @param int $maxRequestBody Bytes of the body of one HTTP request, see {@see Server::onRequest()}; over it the
     *     client is answered 413. All bodies together may be a quarter
     *     of `$totalReceiveBytes`, those of one address that are not whole yet a quarter of that, but one of each
     *     always fits; over it clients are answered 503. Messages always have the rest.
     * @param int $maxHeadSize Bytes of the request line and the headers of a request, of a handshake as well, 1 024 to
     *     65 535; over it the client is answered 431, and 414 if the path and the query alone are over a quarter of it.
     *     Raise it where logins have large cookies. An open connection keeps its head, so every client costs up to as much.
     * @param int $maxHeaders Header lines of a request, 16 to 1 024; over it the client is answered 431.
     *
     * @throws ConfigurationException A value is out of range; the message begins with its name, as in
     *     `limits.maxMessageSize: …`.
     */
    public function __construct(
        public readonly int $maxMessageSize = 1048576,
        public readonly int $maxConnections = 10000,
        public readonly ?int $maxConnectionsPerAddress = null,
        public readonly ?float $connectRatePerAddress = null,
        public readonly float $handshakeTimeout = 5.0,
        public readonly int $sendBuffer = 16777216,
        public readonly int $totalSendBuffer = 268435456,
        public readonly float $sendTimeout = 10.0,
        public readonly SlowConsumer $slowConsumer = SlowConsumer::Close,
        public readonly int $receiveMessages = 64,
        public readonly int $receiveBytes = 262144,
        public readonly int $totalReceiveBytes = 67108864,
        public readonly float $messageRate = 0.0,
        public readonly float $closeTimeout = 2.0,
        public readonly int $maxTopics = 256,
        public readonly int $maxTags = 64,
        public readonly int $maxRequestBody = 262144,
        public readonly int $maxHeadSize = 16384,
        public readonly int $maxHeaders = 64,
    ) {}
}
