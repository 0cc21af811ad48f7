<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** Decides who may connect and who may send. */
interface IAuthManager
{
    /**
     * Whether a client may connect. It is not connected yet: an answer of false is a 401.
     *
     * @return bool
     */
    public function authorizeOpen(IConnection $connection);

    /**
     * Whether a client may have this forwarded.
     *
     * @return bool
     */
    public function authorizeSend(IConnection $connection, IWebSocketRequest $webSocketRequest);
}
