<?php

declare(strict_types=1);

namespace Gomoob\WebSocket;

/** A message with the tags of its recipients. */
interface IWebSocketRequest extends \JsonSerializable
{
    /** @return mixed a text, or a value that `json_encode()` can write */
    public function getMessage();

    /** @return array<mixed> for the server only, never forwarded */
    public function getMetadata();

    /** @return array<string, string|int> tags that each recipient has; none = every connection is a recipient */
    public function getTags();

    /** @return $this */
    public function setMessage($message);

    /**
     * @param array<mixed> $metadata
     *
     * @return $this
     */
    public function setMetadata(array $metadata = []);

    /**
     * @param array<string, string|int> $tags
     *
     * @return $this
     *
     * @throws \InvalidArgumentException a name is no string, or a value neither string nor int
     */
    public function setTags(array $tags = []);
}
