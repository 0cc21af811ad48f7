<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Response;

use Gomoob\WebSocket\IWebSocketResponse;

/**
 * A request that was handed to the network whole, over a connection that the server had not closed.
 *
 * The protocol has no answer: the client does not learn of a refusal, or of the number of recipients. A program that
 * needs them publishes with `Ferrite\Publisher`.
 */
class WebSocketResponse implements IWebSocketResponse
{
    public function isOk()
    {
        return true;
    }
}
