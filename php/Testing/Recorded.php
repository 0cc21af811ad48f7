<?php

declare(strict_types=1);

namespace Ferrite\Testing;

use Ferrite\Audience;

/** One message, or one wish to close, that a {@see FakePublisher} was given. */
final class Recorded
{
    /**
     * @param string $method `publish`, `broadcast`, `send` or `close`.
     * @param string|null $topic Of `publish`.
     * @param Audience|null $to Of `send` and `close`.
     * @param string $data The message; of `close` the reason.
     * @param list<int> $except Of `publish` and `broadcast`.
     * @param int|null $code Of `close`.
     */
    public function __construct(
        public readonly string $method,
        public readonly string $data,
        public readonly string $id,
        public readonly ?string $topic = null,
        public readonly ?Audience $to = null,
        public readonly bool $binary = false,
        public readonly array $except = [],
        public readonly ?bool $compress = null,
        public readonly ?int $code = null,
    ) {
    }
}
