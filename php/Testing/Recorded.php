<?php

declare(strict_types=1);

namespace Ferrite\Testing;

use Ferrite\RemoteAudience;

/** One message, or one call of `close()`, that a {@see FakePublisher} recorded. */
final class Recorded
{
    /**
     * @param string $method `publish`, `broadcast`, `send` or `close`.
     * @param string $data The message; for `close` the reason.
     * @param string $id The message's id.
     * @param string|null $topic For `publish`.
     * @param RemoteAudience|null $to For `send` and `close`.
     * @param bool $binary false = a text message; true = a binary message.
     * @param list<int> $except For `publish` and `broadcast`: ids of connections that do not receive the message.
     * @param bool|null $compress Whether to compress the message; null = the server decides.
     * @param int|null $code For `close`.
     */
    public function __construct(
        public readonly string $method,
        public readonly string $data,
        public readonly string $id,
        public readonly ?string $topic = null,
        public readonly ?RemoteAudience $to = null,
        public readonly bool $binary = false,
        public readonly array $except = [],
        public readonly ?bool $compress = null,
        public readonly ?int $code = null,
    ) {
    }
}
