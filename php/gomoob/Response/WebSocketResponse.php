<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Response;

use Gomoob\WebSocket\IWebSocketResponse;

/**
 * A request that was handed to the network whole, over a connection that the server had not closed.
 *
 * The protocol has no answer: whether the server refused it, and how many it was addressed to, nobody hears. Who has to
 * know that publishes with `Ferrite\Publisher`.
 */
class WebSocketResponse implements IWebSocketResponse
{
    public function isOk()
    {
        return true;
    }
}
