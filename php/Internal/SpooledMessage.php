<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/**
 * A request that waits in a spool. Its body is kept as it was signed: the server refuses the same id with another body.
 */
final class SpooledMessage
{
    public function __construct(
        /** Unix time in seconds at which it was spooled; for people that read the file. */
        public readonly int $time,
        public readonly string $id,
        public readonly string $path,
        public readonly string $body,
    ) {
    }

    /** @param array<string, mixed> $more Further fields of the line. */
    public function toLine(array $more = []): string
    {
        return Json::encode(get_object_vars($this) + $more) . "\n";
    }

    /** @return self|null null = the line is no message, for example the half line of a process that was killed. */
    public static function fromLine(string $line): ?self
    {
        $fields = json_decode($line, true, 2);
        try {
            return new self(...$fields);
        } catch (\Error) {
            return null;
        }
    }
}
