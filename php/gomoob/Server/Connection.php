<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Server;

use Gomoob\WebSocket\IConnection;

/**
 * A client of a {@see WebSocketServer}.
 *
 * @internal
 */
final class Connection implements IConnection
{
    public function __construct(private \Ferrite\Request $request, private ?int $id = null)
    {
    }

    public function getResourceId(): ?int
    {
        return $this->id;
    }

    public function getQuery(): array
    {
        return $this->request->query();
    }

    public function getRemoteAddress(): string
    {
        return $this->request->remoteAddress;
    }
}
