<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Util;

/**
 * Validation of tags.
 *
 * @internal
 */
final class Tags
{
    /**
     * The given tags, if all are valid.
     *
     * @param array<mixed> $tags
     *
     * @return array<string, string|int>
     *
     * @throws \InvalidArgumentException a name is no string, or a value neither string nor int
     */
    public static function validated(array $tags): array
    {
        foreach ($tags as $name => $value) {
            if (!is_string($name)) {
                throw new \InvalidArgumentException("The tag name '$name' is not a string !");
            }
            if (!is_int($value) && !is_string($value)) {
                throw new \InvalidArgumentException(
                    "The tag named '$name' has a value which is not an integer or a string !",
                );
            }
        }

        return $tags;
    }
}
