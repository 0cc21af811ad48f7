<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** What an authorisation manager sees of a client, in place of Ratchet's connection. */
interface IConnection
{
    /** The id that the log names; null before the connection is open. */
    public function getResourceId(): ?int;

    /** @return array<mixed> the parameters of its URL, as `$_GET` would have them */
    public function getQuery(): array;

    /** Its address, without the port. */
    public function getRemoteAddress(): string;
}
