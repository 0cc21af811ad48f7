<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Message;

use Gomoob\WebSocket\IMessage;

/** A message of a type and metadata. */
class Message implements IMessage
{
    /**
     * @param string|null $type
     * @param array<mixed> $metadata
     */
    public function __construct(protected $type = null, protected array $metadata = [])
    {
    }

    /**
     * @param string|null $type
     * @param array<mixed> $metadata
     *
     * @return static
     */
    public static function create($type = null, array $metadata = [])
    {
        return new static($type, $metadata);
    }

    public function getType()
    {
        return $this->type;
    }

    public function getMetadata()
    {
        return $this->metadata;
    }

    public function jsonSerialize(): mixed
    {
        $json = $this->type ? ['type' => $this->type] : [];

        return $json + ['metadata' => $this->metadata ?: new \stdClass()];
    }
}
