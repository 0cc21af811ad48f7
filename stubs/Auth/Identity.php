<?php

declare(strict_types=1);

namespace Ferrite\Auth;

/**
 * Who a client has proved to be by what the option `auth` of {@see \Ferrite\Server} asks for, see
 * {@see \Ferrite\Handshake::$identity}.
 */
final class Identity
{
    /** What becomes {@see \Ferrite\Connection::$user}, unless the handshake is accepted with another. */
    public readonly ?string $user;

    /** @var list<string> Topics that the connection joins. */
    public readonly array $topics;

    /** @var array<array-key, string|int> Tags that it has from the start. */
    public readonly array $tags;

    /** @var array<array-key, mixed> Everything that the token says; empty for other credentials. */
    public readonly array $claims;

    private function __construct() {}
}
