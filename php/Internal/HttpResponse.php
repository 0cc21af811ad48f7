<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** A whole HTTP answer. */
final class HttpResponse
{
    public function __construct(
        public readonly int $status,
        public readonly string $body,
        /** Whether the connection can take another request. */
        public readonly bool $keepAlive,
    ) {
    }
}
