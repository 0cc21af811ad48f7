<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** A client, for an authorisation manager; in place of Ratchet's connection. */
interface IConnection
{
    /** The id that the log names; null before the connection is open. */
    public function getResourceId(): ?int;

    /** @return array<mixed> the parameters of the client's URL, as `$_GET` would have them */
    public function getQuery(): array;

    /** The client's address, without the port. */
    public function getRemoteAddress(): string;
}
