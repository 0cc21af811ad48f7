<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

/**
 * A stream of numbers that a seed and a name determine, in every PHP the same.
 *
 * Each callback has a stream of its own: what the network does in which order then changes when a callback runs, not
 * what it does.
 */
final class Chance
{
    private int $state;

    public function __construct(int $seed, string $name)
    {
        $this->state = crc32("$seed/$name") ?: 1;
    }

    /** From 0 to the bound, without it. */
    public function below(int $bound): int
    {
        // Xorshift, 32 bits.
        $state = $this->state;
        $state ^= ($state << 13) & 0xffffffff;
        $state ^= $state >> 17;
        $state ^= ($state << 5) & 0xffffffff;
        $this->state = $state;

        return $state % $bound;
    }

    public function between(int $least, int $most): int
    {
        return $least + $this->below($most - $least + 1);
    }

    /** True once in so many times. */
    public function once(int $in): bool
    {
        return $this->below($in) === 0;
    }

    /** An element of a list that is not empty. */
    public function pick(array $list): mixed
    {
        return $list[$this->below(count($list))];
    }

    /**
     * A key, as often as its weight says.
     *
     * @param array<string, int> $weights
     */
    public function weighed(array $weights): string
    {
        $rest = $this->below(array_sum($weights));
        foreach ($weights as $key => $weight) {
            $rest -= $weight;
            if ($rest < 0) {
                return $key;
            }
        }

        return array_key_last($weights);
    }
}
