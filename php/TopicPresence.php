<?php

declare(strict_types=1);

namespace Ferrite;

/** The users and connections of a topic at the moment of the server's answer. */
final class TopicPresence
{
    /**
     * @param list<string> $users Each once, on any number of connections; connections without a user are not listed.
     * @param int $connections Number of connections, those without a user included.
     */
    public function __construct(
        public readonly string $topic,
        public readonly array $users = [],
        public readonly int $connections = 0,
    ) {
    }
}
