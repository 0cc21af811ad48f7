<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** A server of the protocol. */
interface IWebSocketServer
{
    /** Serves until it is stopped. */
    public function run();
}
