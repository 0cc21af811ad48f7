<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * A client that asks to connect, in {@see Server::onHandshake()}.
 *
 * It has passed the checks of the protocol, of the origin, of the limits and of the option `auth`. Neither
 * accepted nor rejected by the end of the callback means accepted, unless it was deferred.
 *
 * ```php
 * $server->onHandshake(function (Ferrite\Handshake $handshake): void {
 *     $name = $handshake->request->query()['name'] ?? '';
 *     $name === '' ? $handshake->reject(400, 'a name, please') : $handshake->accept(user: $name);
 * });
 * ```
 *
 * Made by the server only; neither cloneable nor serialisable.
 */
final class Handshake
{
    public readonly Request $request;

    /** Who the client has proved to be; null if the server has no option `auth`. */
    public readonly ?Auth\Identity $identity;

    private function __construct() {}

    /**
     * Lets the client in.
     *
     * Its topics are joined before the open callback. Without effect when the client has gone or the
     * deadline has passed meanwhile.
     *
     * @param string|null $user A name for {@see Connection::$user}; null = that of the identity, if there is one.
     * @param list<string> $topics To join at once, see {@see Connection::subscribe()}, beside those of the identity.
     * @param array<array-key, string|int> $tags To have from the start, see {@see Connection::tag()}, beside those of
     *     the identity; of two values for one tag this one counts.
     * @param string|null $protocol One of the subprotocols that the client offers; null = the first that
     *     it offers of those the server speaks, if any.
     * @param array<string, string|list<string>> $headers More response headers, by name.
     *
     * @throws \ValueError The protocol was not offered; a topic or a tag is invalid or there are too many; a header
     *     has an invalid name, contains CR, LF or NUL, or is one that the handshake itself sets; the headers together
     *     are more than {@see Limits::$sendBuffer}. The handshake is still open then.
     * @throws StateException It was answered before, or this is a forked child.
     */
    public function accept(
        ?string $user = null,
        array $topics = [],
        array $tags = [],
        ?string $protocol = null,
        array $headers = [],
    ): void {}

    /**
     * Answers with an HTTP status instead, and closes. There is no open and no close callback.
     *
     * @param int $status 300–599.
     * @param string $body Sent as `text/plain; charset=utf-8`, unless the headers name a Content-Type.
     * @param array<string, string|list<string>> $headers More response headers, by name.
     *
     * @throws \ValueError The status is out of range; a header has an invalid name, contains CR, LF or NUL,
     *     or is one that the server itself sets; body and headers together are more than {@see Limits::$sendBuffer}. The handshake is still open then.
     * @throws StateException It was answered before, or this is a forked child.
     */
    public function reject(int $status = 403, string $body = '', array $headers = []): void {}

    /**
     * Keeps the client waiting after the callback has returned, until {@see Handshake::accept()} or
     * {@see Handshake::reject()} is called from a later callback or timer.
     *
     * Ten seconds after it came a client that is still waiting is refused with 503. Deferring twice is
     * deferring once.
     *
     * @throws StateException It was answered before, or this is a forked child.
     */
    public function defer(): void {}
}
