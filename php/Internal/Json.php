<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** Encoder of the JSON that the control API and the spool take. */
final class Json
{
    /**
     * @param array<string, mixed> $fields
     *
     * @throws \ValueError One of them is not valid UTF-8; the message begins with its name.
     */
    public static function encode(array $fields): string
    {
        try {
            // An object even if it is empty. PHP's optional escapes would make messages longer.
            return json_encode((object) $fields, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
        } catch (\JsonException $e) {
            if ($e->getCode() !== JSON_ERROR_UTF8) {
                throw $e;
            }
        }
        // Search for the invalid field only now: the encoder checks as it goes, and almost always succeeds.
        foreach ($fields as $name => $value) {
            if (json_encode($value) === false) {
                throw new \ValueError("$name is not valid UTF-8");
            }
        }
        throw new \ValueError('a name is not valid UTF-8');
    }
}
