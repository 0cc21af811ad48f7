<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** What is known of a request that was sent. */
interface IWebSocketResponse
{
    /** @return bool */
    public function isOk();
}
