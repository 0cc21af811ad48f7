<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Client;

use Gomoob\WebSocket\IWebSocketClient;
use Gomoob\WebSocket\IWebSocketRequest;

/** Default metadata and tags of a client's requests. */
abstract class AbstractWebSocketClient implements IWebSocketClient
{
    /** @var array<mixed> */
    protected $defaultMetadata = [];

    /** @var array<string, string|int> */
    protected $defaultTags = [];

    public function getDefaultMetadata()
    {
        return $this->defaultMetadata;
    }

    public function getDefaultTags()
    {
        return $this->defaultTags;
    }

    public function setDefaultMetadata(array $defaultMetadata = [])
    {
        $this->defaultMetadata = $defaultMetadata;

        return $this;
    }

    public function setDefaultTags(array $defaultTags = [])
    {
        $this->defaultTags = $defaultTags;

        return $this;
    }

    /** A copy of a request, with the defaults added; its own metadata and tags take precedence. */
    protected function withDefaults(IWebSocketRequest $request): IWebSocketRequest
    {
        $copy = clone $request;

        return $copy
            ->setMetadata(array_merge($this->defaultMetadata, $request->getMetadata()))
            ->setTags(array_merge($this->defaultTags, $request->getTags()));
    }
}
