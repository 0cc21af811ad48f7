<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** Result of sending a request. */
interface IWebSocketResponse
{
    /** @return bool */
    public function isOk();
}
