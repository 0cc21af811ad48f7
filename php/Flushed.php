<?php

declare(strict_types=1);

namespace Ferrite;

/** Result of flushing a spool. */
final class Flushed
{
    public function __construct(
        /** Number of messages that the server has now. */
        public readonly int $sent = 0,
        /**
         * Number of messages that the server refused for good; they are in the file with `.rejected` appended to its
         * name.
         */
        public readonly int $rejected = 0,
        /** True if nothing is left. */
        public readonly bool $isEmpty = true,
        /** Error that ended the flush; null if nothing is left, time was up, or another process is flushing. */
        public readonly ?PublisherException $reason = null,
    ) {
    }
}
