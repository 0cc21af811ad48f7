<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A client that asks to connect, in {@see Server::onHandshake()}.
 *
 * It has passed the checks of the protocol, of the origin, of the limits and of the option `auth`. A handshake that the
 * callback neither accepts nor rejects is accepted, unless it was deferred.
 *
 * ```php
 * $server->onHandshake(function (Ferrite\Handshake $handshake): void {
 *     $name = $handshake->request->query()['name'] ?? '';
 *     $name === '' ? $handshake->reject(400, 'a name, please') : $handshake->accept(user: $name);
 * });
 * ```
 *
 * Only the server makes handshakes; they are neither cloneable nor serialisable.
 */
final class Handshake
{
    public readonly Request $request;

    /** The identity that the client has proved; null if the server has no option `auth`. */
    public readonly ?Auth\Identity $identity;

    private function __construct() {}

    /**
     * Accepts the client.
     *
     * The topics are joined before the open callback. Without effect if the client has gone or the deadline has passed
     * meanwhile.
     *
     * @param string|null $user A name for {@see Connection::$user}; null = that of the identity, if there is one.
     * @param list<string> $topics Topics to join at once, see {@see Connection::subscribe()}, in addition to those of
     *     the identity.
     * @param array<array-key, string|int> $tags Tags to have from the start, see {@see Connection::tag()}, in addition
     *     to those of the identity; if both give a value for one tag, this one counts.
     * @param string|null $protocol One of the subprotocols that the client offers; null = the first offered one that
     *     the server speaks, if any.
     * @param array<string, string|list<string>> $headers More response headers, by name.
     *
     * @throws \ValueError The protocol was not offered; a topic or a tag is invalid or there are too many; a header has
     *     an invalid name, contains CR, LF or NUL, or is one that the handshake itself sets; the headers together are
     *     more than {@see Limits::$sendBuffer}. The handshake is still open then.
     * @throws StateException The handshake was answered before, or this is a forked child.
     */
    public function accept(
        ?string $user = null,
        array $topics = [],
        array $tags = [],
        ?string $protocol = null,
        array $headers = [],
    ): void {}

    /**
     * Answers with an HTTP status and closes. Neither the open nor the close callback is called.
     *
     * @param int $status 300–599.
     * @param string $body Sent as `text/plain; charset=utf-8`, unless the headers name a Content-Type.
     * @param array<string, string|list<string>> $headers More response headers, by name.
     *
     * @throws \ValueError The status is out of range; a header has an invalid name, contains CR, LF or NUL, or is one
     *     that the server itself sets; body and headers together are more than {@see Limits::$sendBuffer}. The
     *     handshake is still open then.
     * @throws StateException The handshake was answered before, or this is a forked child.
     */
    public function reject(int $status = 403, string $body = '', array $headers = []): void {}

    /**
     * Keeps the client waiting after the callback has returned, until {@see Handshake::accept()} or
     * {@see Handshake::reject()} is called from a later callback or timer.
     *
     * A client that still waits ten seconds after its request arrived is refused with 503. Deferring twice is the same
     * as once.
     *
     * @throws StateException The handshake was answered before, or this is a forked child.
     */
    public function defer(): void {}
}
