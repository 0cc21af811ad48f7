<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** A request that waits in a spool. Its body is kept as it was signed: the same id with another body is refused. */
final class SpooledMessage
{
    public function __construct(
        /** When it was spooled, for whoever looks at the file: Unix time in seconds. */
        public readonly int $time,
        public readonly string $id,
        public readonly string $path,
        public readonly string $body,
    ) {
    }

    /** @param array<string, mixed> $more */
    public function toLine(array $more = []): string
    {
        return Json::encode(get_object_vars($this) + $more) . "\n";
    }

    /** @return self|null null = it is none, such as what a process wrote that was killed meanwhile. */
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
