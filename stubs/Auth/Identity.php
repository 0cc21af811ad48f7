<?php

declare(strict_types=1);

namespace Ferrite\Auth;

/**
 * The identity that a client has proved by its credentials, which the option `auth` of {@see \Ferrite\Server} demands;
 * see {@see \Ferrite\Handshake::$identity}.
 */
final class Identity
{
    /** Becomes {@see \Ferrite\Connection::$user}, unless {@see \Ferrite\Handshake::accept()} names another user. */
    public readonly ?string $user;

    /** @var list<string> Topics that the connection joins. */
    public readonly array $topics;

    /** @var array<array-key, string|int> Tags that the connection has from the start. */
    public readonly array $tags;

    /** @var array<array-key, mixed> All claims of the token; empty for other credentials. */
    public readonly array $claims;

    private function __construct() {}
}
