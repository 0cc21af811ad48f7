<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** Sends messages to a server, which forwards them. */
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
     * @throws \JsonException the request cannot be encoded as JSON
     * @throws \RuntimeException the request could not be sent
     */
    public function send(IWebSocketRequest $webSocketRequest);

    /**
     * @param array<mixed> $defaultMetadata sent with every request, unless the request has its own under that name
     *
     * @return $this
     */
    public function setDefaultMetadata(array $defaultMetadata = []);

    /**
     * @param array<string, string|int> $defaultTags sent with every request, unless the request has its own under that
     *     name
     *
     * @return $this
     */
    public function setDefaultTags(array $defaultTags = []);
}
