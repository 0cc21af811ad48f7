<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Server;

use Gomoob\WebSocket\Util\Tags;

/** Reads the tags of a connection from its URL. */
class QueryStringTagsParser
{
    /**
     * @param string|array<mixed> $queryString the part after the `?`, or its parameters as `$_GET` has them
     *
     * @return array<string, string|int>
     *
     * @throws \InvalidArgumentException the parameter `tags` exists and has no tags
     */
    public static function parse(string|array $queryString): array
    {
        if (is_string($queryString)) {
            parse_str($queryString, $parameters);
            $queryString = $parameters;
        }
        if (!array_key_exists('tags', $queryString)) {
            return [];
        }
        $json = $queryString['tags'];
        $tags = is_string($json) ? json_decode($json, true) : null;
        if (!is_array($tags)) {
            throw new \InvalidArgumentException("The 'tags' URL parameter is not a JSON array !");
        }
        foreach ($tags as $name => $value) {
            if (!is_int($value) && !is_string($value)) {
                throw new \InvalidArgumentException("The '$name' tag is not an integer or a string !");
            }
        }

        return Tags::validated($tags);
    }
}
