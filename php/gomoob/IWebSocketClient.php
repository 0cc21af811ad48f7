<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** Has messages forwarded by a server. */
interface IWebSocketClient
{
    /** @return array<mixed> */
    public function getDefaultMetadata();

    /** @return array<string, string|int> */
    public function getDefaultTags();

    /**
     * @return IWebSocketResponse
     *
     * @throws \InvalidArgumentException the request has no message
     * @throws \JsonException it cannot be written as JSON
     * @throws \RuntimeException it could not be handed over
     */
    public function send(IWebSocketRequest $webSocketRequest);

    /**
     * @param array<mixed> $defaultMetadata sent with every request, unless it has its own of that name
     *
     * @return $this
     */
    public function setDefaultMetadata(array $defaultMetadata = []);

    /**
     * @param array<string, string|int> $defaultTags sent with every request, unless it has its own of that name
     *
     * @return $this
     */
    public function setDefaultTags(array $defaultTags = []);
}
