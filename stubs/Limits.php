<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Bounds on the resources of one client, one address and the whole process.
 *
 * Every default is safe; change one by its name:
 *
 * ```php
 * $server = new Ferrite\Server(limits: new Ferrite\Limits(maxMessageSize: 65536));
 * ```
 *
 * Sizes are bytes, times seconds, rates per second. 0 switches a limit off where its description says so, and is
 * refused elsewhere.
 */
final class Limits
{
    /**
     * @param int $maxMessageSize Bytes of one received message, all fragments together; a larger one closes the client
     *     with 1009. Keep it well under PHP's `memory_limit`.
     * @param int $maxConnections Connections open at a time; further clients are answered 503. The limit of open files
     *     minus 64, and minus 320 for each address of `control`, is a ceiling too; the smaller of both is logged at
     *     start.
     * @param int|null $maxConnectionsPerAddress Connections open at a time from one IP address (IPv6: one /64); further
     *     clients are answered 429. null = 256, and no limit for loopback, where a proxy may be one address for all of
     *     its clients; a value of your own, also 256, holds for every address. 0 = off.
     * @param float|null $connectRatePerAddress New connections a second from one address, with bursts of twice that;
     *     further clients are answered 429. null = 50.0, and no limit for loopback, as above. 0.0 = off.
     * @param float $handshakeTimeout Seconds from accepting a socket until its whole request head has arrived; then the
     *     socket is closed. A body that arrives at less than 8 KiB a second has as long again. The time PHP takes to
     *     decide has its own limit of ten seconds.
     * @param int $sendBuffer Bytes that may wait to be sent to one client: its messages, and 128 bytes more for each;
     *     over it `$slowConsumer` applies. A message may be larger if nothing else waits for the client. It is also the
     *     most that the body and the headers of an HTTP response may have.
     * @param int $totalSendBuffer The same for all clients together; over it `$slowConsumer` applies to the clients
     *     with the most waiting bytes, until the rest fits, whichever client is sent to. If dropping messages does not
     *     suffice, these clients are closed. Divided evenly among the I/O threads; a message larger than one thread's
     *     part throws `ValueError`.
     * @param float $sendTimeout Seconds in which a client acknowledges nothing while data waits to be sent to it; then
     *     the client is closed. 0.0 = off.
     * @param SlowConsumer $slowConsumer Policy for a full send buffer.
     * @param int $receiveMessages Messages of one client waiting for PHP; over it the server stops reading from that
     *     client until PHP has caught up. Nothing is dropped.
     * @param int $receiveBytes The same in bytes: the length of each message, and 64 more.
     * @param int $totalReceiveBytes The same for all clients together. Large compressed messages that are still
     *     incomplete may be inflated to as many bytes again; over it further ones are inflated once they are complete.
     * @param float $messageRate Messages a second from one client; over it reading is delayed, and a client that keeps
     *     on is closed with 1008. 0.0 = off.
     * @param float $closeTimeout Seconds a client may take to answer a close frame before its connection is cut off.
     * @param int $maxTopics Topics of one connection; over it PHP gets a `ValueError`.
     * @param int $maxTags Tags of one connection; over it PHP gets a `ValueError`.
     * @param int $maxRequestBody Bytes of the body of one HTTP request, see {@see Server::onRequest()}; over it the
     *     client is answered 413. All bodies together may use a quarter of `$totalReceiveBytes`, the incomplete ones of
     *     one address a quarter of that, but one of each always fits; over it clients are answered 503. Messages always
     *     have the rest.
     * @param int $maxHeadSize Bytes of the request line and the headers of a request or handshake, 1 024 to 65 535;
     *     over it the client is answered 431, and 414 if the path and the query alone are over a quarter of it. Raise
     *     it where logins have large cookies. An open connection keeps its head, so every client costs up to as much.
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
