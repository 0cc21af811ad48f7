<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Client;

use Gomoob\WebSocket\IWebSocketRequest;
use Gomoob\WebSocket\Response\WebSocketResponse;

/**
 * Sends requests to a server, over one connection that is opened for the first of them.
 *
 * A connection that the server has closed since then is opened anew. What the server sends is read and thrown away with
 * the next request, and pings are answered then: keep the object, it does no harm.
 */
class WebSocketClient extends AbstractWebSocketClient
{
    private ?Connection $connection = null;

    /**
     * @param string $uri `ws://host:port/path?query`, or `wss://…`
     * @param float $timeout seconds that connecting and that sending may take
     */
    public function __construct(private string $uri, private float $timeout = 5.0)
    {
    }

    /** @return static */
    public static function create(string $uri, float $timeout = 5.0)
    {
        return new static($uri, $timeout);
    }

    /**
     * The same as {@see self::create()}.
     *
     * @return static
     */
    public static function factory(string $uri, float $timeout = 5.0)
    {
        return new static($uri, $timeout);
    }

    /**
     * @return WebSocketResponse the protocol has no answer: it says that the request was handed to the network
     *
     * @throws \InvalidArgumentException the request has no message
     * @throws \JsonException it cannot be written as JSON
     * @throws ConnectionException the server cannot be reached, or does not take it
     */
    public function send(IWebSocketRequest $webSocketRequest)
    {
        $request = $this->withDefaults($webSocketRequest);
        if (!$request->getMessage()) {
            throw new \InvalidArgumentException('The provided Web Socket request must have a message !');
        }
        $json = json_encode($request, JSON_THROW_ON_ERROR);
        if ($this->connection === null || !$this->connection->isOpen()) {
            $this->connection = Connection::open($this->uri, $this->timeout);
        }
        $this->connection->send($json);

        return new WebSocketResponse();
    }
}
