<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** A whole HTTP response. */
final class HttpResponse
{
    public const OK = 200;
    public const UNAUTHORIZED = 401;
    public const REQUEST_TIMEOUT = 408;
    public const SERVICE_UNAVAILABLE = 503;

    public function __construct(
        public readonly int $status,
        public readonly string $body,
        /** True if the connection can carry another request. */
        public readonly bool $keepAlive,
    ) {
    }
}
