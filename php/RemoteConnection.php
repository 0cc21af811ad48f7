<?php

declare(strict_types=1);

namespace Ferrite;

/** A connection of the server, as it was at the moment of the server's answer. */
final class RemoteConnection
{
    /**
     * @param int $id As in the server's `Connection::$id`; for `except` and {@see RemoteAudience::connection()}.
     * @param string|null $user Its user; null if it has none.
     * @param list<string> $topics Topics that it has joined.
     * @param array<string, string|int> $tags Its tags.
     * @param int $buffered Bytes that wait to be sent to this client.
     * @param float|null $latency Seconds between its last ping and the pong; null before the first pong.
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
