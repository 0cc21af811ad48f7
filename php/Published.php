<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * What became of a message.
 *
 * An object and not the server's own `int`, because there are three answers and two of them are not numbers: an
 * `int|null` would make `=== 0` and `=== null` mean nearly the same and yet not the same. Whoever does not care ignores
 * it: `$publisher->publish('news', 'Hello');`.
 */
final class Published
{
    private function __construct(
        /** To how many connections it was addressed; null if the server has not said so yet, or never will. */
        public readonly ?int $connections,
        /** The message's id, yours or one that was made up: the same id is never sent twice. */
        public readonly string $id,
        /** Why it was not sent at once; null if it was, or if it waits for others that came before it. */
        public readonly ?ServerAwayException $reason,
        private readonly bool $spooled,
    ) {
    }

    /** The server has it. */
    public static function sent(int $connections, string $id): self
    {
        return new self($connections, $id, null, false);
    }

    /** It is in the spool, and will be sent in its turn. */
    public static function spooled(string $id, ?ServerAwayException $reason = null): self
    {
        return new self(null, $id, $reason, true);
    }

    /** It was dropped. */
    public static function ignored(string $id, ServerAwayException $reason): self
    {
        return new self(null, $id, $reason, false);
    }

    /** Whether the server has it. */
    public function isSent(): bool
    {
        return $this->connections !== null;
    }

    /** Whether it waits in the spool: the server has not got it yet. */
    public function isSpooled(): bool
    {
        return $this->spooled;
    }

    /** Whether it was dropped, as {@see WhenAway::Ignore} says. */
    public function isIgnored(): bool
    {
        return $this->connections === null && !$this->spooled;
    }
}
