<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Client;

use Gomoob\WebSocket\IWebSocketRequest;
use Gomoob\WebSocket\Response\WebSocketResponse;
use Gomoob\WebSocket\Util\TagsTree;

/** A client for tests: it sends nothing and remembers every request. */
class WebSocketClientMock extends AbstractWebSocketClient implements \Countable
{
    private TagsTree $requests;

    /** @param bool $legacy as of {@see TagsTree} */
    public function __construct(bool $legacy = false)
    {
        $this->requests = new TagsTree($legacy);
    }

    /** True if this very object was sent. */
    public function contains(IWebSocketRequest $webSocketRequest)
    {
        return $this->requests->contains($webSocketRequest);
    }

    /** Number of objects that were sent. */
    public function count(): int
    {
        return $this->requests->count();
    }

    /**
     * @param array<string, string|int> $tags
     *
     * @return array<string, IWebSocketRequest> requests that were sent with all these tags, the default ones included
     */
    public function findByTags(array $tags = [])
    {
        return $this->requests->findByTags($tags);
    }

    /** Forgets all requests. */
    public function reset()
    {
        $this->requests->reset();
    }

    public function send(IWebSocketRequest $webSocketRequest)
    {
        $this->requests->add($webSocketRequest, $this->withDefaults($webSocketRequest)->getTags());

        return new WebSocketResponse();
    }
}
