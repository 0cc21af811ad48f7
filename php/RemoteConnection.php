<?php

declare(strict_types=1);

namespace Ferrite;

/** What a connection of the server was when it was asked about. */
final class RemoteConnection
{
    /**
     * @param int $id As in the server's `Connection::$id`; for `except` and {@see Audience::connection()}.
     * @param string|null $user Who it is logged in as.
     * @param list<string> $topics What it has joined.
     * @param array<string, string|int> $tags How it is tagged.
     * @param int $buffered Bytes that wait for this client.
     * @param float|null $latency Seconds that its last ping took; null before the first pong.
     */
    public function __construct(
        public readonly int $id,
        public readonly ?string $user = null,
        public readonly array $topics = [],
        public readonly array $tags = [],
        public readonly int $buffered = 0,
        public readonly ?float $latency = null,
    ) {
    }
}
