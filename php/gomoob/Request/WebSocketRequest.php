<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Request;

use Gomoob\WebSocket\IMessageParser;
use Gomoob\WebSocket\IWebSocketRequest;
use Gomoob\WebSocket\Util\Tags;

/** A message, the tags of its recipients, and metadata for the server. */
class WebSocketRequest implements IWebSocketRequest
{
    /** @var mixed */
    protected $message;

    /** @var array<mixed> */
    protected $metadata = [];

    /** @var array<string, string|int> */
    protected $tags = [];

    /**
     * @param mixed $message a text, or a value that `json_encode()` can write
     * @param array<string, string|int> $tags tags that each recipient has; none = every connection is a recipient
     *
     * @throws \InvalidArgumentException a name is no string, or a value neither string nor int
     */
    public function __construct($message, array $tags = [])
    {
        $this->message = $message;
        $this->setTags($tags);
    }

    /**
     * @param mixed $message a text, or a value that `json_encode()` can write
     * @param array<string, string|int> $tags tags that each recipient has; none = every connection is a recipient
     *
     * @return static
     *
     * @throws \InvalidArgumentException a name is no string, or a value neither string nor int
     */
    public static function create($message, array $tags = [])
    {
        return static::factory($message, $tags);
    }

    /**
     * The same as {@see self::create()}.
     *
     * @param mixed $message
     * @param array<string, string|int> $tags
     *
     * @return static
     *
     * @throws \InvalidArgumentException
     */
    public static function factory($message, array $tags = [])
    {
        return new static($message, $tags);
    }

    /**
     * @param array<mixed> $jsonArray a request as `json_decode()` returns it
     *
     * @return static
     *
     * @throws \InvalidArgumentException the array is no request
     */
    public static function createFromArray(array $jsonArray, ?IMessageParser $messageParser = null)
    {
        foreach (array_keys($jsonArray) as $key) {
            if (!in_array($key, ['message', 'metadata', 'tags'], true)) {
                throw new \InvalidArgumentException("Unexpected property '$key' !");
            }
        }
        if (!array_key_exists('message', $jsonArray)) {
            throw new \InvalidArgumentException("The 'message' property is mandatory !");
        }
        $message = $jsonArray['message'];
        if (!is_string($message)) {
            if ($messageParser === null) {
                throw new \InvalidArgumentException(
                    "The 'message' property is not a string, you must configure a message parser to parse messages !",
                );
            }
            $message = self::parsed($message, $messageParser);
        }
        foreach (['metadata', 'tags'] as $name) {
            if (array_key_exists($name, $jsonArray) && !is_array($jsonArray[$name])) {
                throw new \InvalidArgumentException("The '$name' property is not an array !");
            }
        }

        return (new static($message, $jsonArray['tags'] ?? []))->setMetadata($jsonArray['metadata'] ?? []);
    }

    /**
     * @param string $jsonString a request as {@see self::jsonSerialize()} has it written
     *
     * @return static
     *
     * @throws \InvalidArgumentException the text is no request
     */
    public static function createFromJSON($jsonString, ?IMessageParser $messageParser = null)
    {
        $array = json_decode($jsonString, true);
        if ($array === null) {
            throw new \InvalidArgumentException('Failed to decode the provided JSON string !');
        }
        if (!is_array($array)) {
            throw new \InvalidArgumentException('The decoded JSON string is not an array !');
        }

        return static::createFromArray($array, $messageParser);
    }

    public function getMessage()
    {
        return $this->message;
    }

    public function getMetadata()
    {
        return $this->metadata;
    }

    public function getTags()
    {
        return $this->tags;
    }

    public function setMessage($message)
    {
        $this->message = $message;

        return $this;
    }

    public function setMetadata(array $metadata = [])
    {
        $this->metadata = $metadata;

        return $this;
    }

    public function setTags(array $tags = [])
    {
        $this->tags = Tags::validated($tags);

        return $this;
    }

    public function jsonSerialize(): mixed
    {
        return [
            'message' => $this->message instanceof \JsonSerializable ? $this->message->jsonSerialize() : $this->message,
            'metadata' => $this->metadata ?: new \stdClass(),
            'tags' => $this->tags ?: new \stdClass(),
        ];
    }

    private static function parsed(mixed $message, IMessageParser $parser): mixed
    {
        try {
            if (!is_array($message)) {
                throw new \InvalidArgumentException('The message is neither a string nor an array !');
            }

            return $parser->parse($message);
        } catch (\InvalidArgumentException $error) {
            throw new \InvalidArgumentException("Invalid 'message' property !", -1, $error);
        }
    }
}
