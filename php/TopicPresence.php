<?php

declare(strict_types=1);

namespace Ferrite;

/** Who was in a topic when the server was asked. */
final class TopicPresence
{
    /**
     * @param list<string> $users Each once, on however many connections; without those that have no user.
     * @param int $connections How many connections, those without a user included.
     */
    public function __construct(
        public readonly string $topic,
        public readonly array $users = [],
        public readonly int $connections = 0,
    ) {
    }
}
