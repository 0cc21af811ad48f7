<?php

declare(strict_types=1);

namespace Ferrite;

/** What became of a spool. */
final class Flushed
{
    public function __construct(
        /** How many messages the server has now. */
        public readonly int $sent = 0,
        /** How many it refused for good; they are in the file with `.rejected` behind its name. */
        public readonly int $rejected = 0,
        /** Whether nothing is left. */
        public readonly bool $isEmpty = true,
        /** Why it ended before; null if nothing is left, time was up, or another process is flushing. */
        public readonly ?PublisherException $reason = null,
    ) {
    }
}
