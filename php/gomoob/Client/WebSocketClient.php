<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Client;

use Gomoob\WebSocket\IWebSocketRequest;
use Gomoob\WebSocket\Response\WebSocketResponse;

/**
 * Sends requests to a server, over one connection that the first request opens.
 *
 * If the server has closed the connection since then, the next request opens a new one. Each request first reads
 * data that the server has sent, discards messages and answers pings; so the object may be kept.
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
     * @return WebSocketResponse the request was handed to the network; the protocol has no answer
     *
     * @throws \InvalidArgumentException the request has no message
     * @throws \JsonException the request cannot be encoded as JSON
     * @throws ConnectionException the server cannot be reached, or does not accept the data
     */
    public function send(IWebSocketRequest $webSocketRequest)
    {
        $request = $this->withDefaults($webSocketRequest);
        if (!$request->getMessage()) {
            throw new \InvalidArgumentException('The provided Web Socket request must have a message !');
        }
        $json = json_encode($request, JSON_THROW_ON_ERROR);
        if ($this->connection === null || !$this->connection->receive()) {
            $this->connection = Connection::open($this->uri, $this->timeout);
        }
        $this->connection->send($json);

        return new WebSocketResponse();
    }
}
