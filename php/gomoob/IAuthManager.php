<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** Authorises connections and messages. */
interface IAuthManager
{
    /**
     * True if a client may connect. The client is not connected yet: it is answered 401 if not.
     *
     * @return bool
     */
    public function authorizeOpen(IConnection $connection);

    /**
     * True if the message of a client may be forwarded.
     *
     * @return bool
     */
    public function authorizeSend(IConnection $connection, IWebSocketRequest $webSocketRequest);
}
