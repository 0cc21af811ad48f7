<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** The moment at which a call has to be finished, by the monotonic clock. */
final class Deadline
{
    /** @param int $at Nanoseconds of `hrtime()`. */
    private function __construct(private readonly int $at)
    {
    }

    /** The moment so many seconds from now. */
    public static function in(float $seconds): self
    {
        return new self(hrtime(true) + (int) ($seconds * 1e9));
    }

    /** The earlier of this deadline and the moment so many seconds from now. */
    public function within(float $seconds): self
    {
        return new self(min($this->at, self::in($seconds)->at));
    }

    /** Seconds until the deadline; at least 0. */
    public function left(): float
    {
        return max(0, $this->at - hrtime(true)) / 1e9;
    }

    public function hasPassed(): bool
    {
        return hrtime(true) >= $this->at;
    }
}
