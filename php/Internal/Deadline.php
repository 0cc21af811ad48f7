<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** The moment until which something has to be done, by the monotonic clock. */
final class Deadline
{
    /** @param int $at In nanoseconds. */
    private function __construct(private readonly int $at)
    {
    }

    public static function in(float $seconds): self
    {
        return new self(hrtime(true) + (int) ($seconds * 1e9));
    }

    /** This one, or in so many seconds if that is earlier. */
    public function within(float $seconds): self
    {
        return new self(min($this->at, self::in($seconds)->at));
    }

    /** Seconds that are left; at least 0. */
    public function left(): float
    {
        return max(0, $this->at - hrtime(true)) / 1e9;
    }

    public function hasPassed(): bool
    {
        return hrtime(true) >= $this->at;
    }
}
