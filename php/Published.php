<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * Result of sending a message.
 *
 * An object and not the server's own `int`, because there are three results and two of them are not numbers: with an
 * `int|null`, `=== 0` and `=== null` would mean almost the same. A caller may ignore it:
 * `$publisher->publish('news', 'Hello');`.
 */
final class Published
{
    private function __construct(
        /**
         * Number of connections that the message was addressed to; null if the server has not reported it yet, or never
         * will.
         */
        public readonly ?int $connections,
        /** The message's id, given or generated: the same id is never sent twice. */
        public readonly string $id,
        /** Reason why the message was not sent at once; null if it was, or if it waits behind earlier ones. */
        public readonly ?ServerAwayException $reason,
        private readonly bool $spooled,
    ) {
    }

    /** The server has the message. */
    public static function sent(int $connections, string $id): self
    {
        return new self($connections, $id, null, false);
    }

    /** The message is in the spool, and is sent after the earlier ones. */
    public static function spooled(string $id, ?ServerAwayException $reason = null): self
    {
        return new self(null, $id, $reason, true);
    }

    /** The message was dropped. */
    public static function ignored(string $id, ServerAwayException $reason): self
    {
        return new self(null, $id, $reason, false);
    }

    /** True if the server has the message. */
    public function isSent(): bool
    {
        return $this->connections !== null;
    }

    /** True if the message waits in the spool: the server does not have it yet. */
    public function isSpooled(): bool
    {
        return $this->spooled;
    }

    /** True if the message was dropped, as {@see WhenAway::Ignore} says. */
    public function isIgnored(): bool
    {
        return $this->connections === null && !$this->spooled;
    }
}
