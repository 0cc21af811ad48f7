<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

/**
 * What a scene leaves behind in its process, looked at after each time it was played.
 *
 * The first times fill caches of PHP and of the scene. Memory that still grows then is suspected, and the scene is
 * played more often: a leak goes on growing, everything else comes to an end. Descriptors and threads never become
 * more.
 */
final class Left
{
    private const WARM = 2;
    /** Rounds more that a suspect is played, at most, and for how many seconds. */
    private const MORE = 100;
    private const SECONDS = 30;
    /** Rounds without a new record of memory that clear a suspect. */
    private const CALM = 12;
    /** Bytes a round. The least that a script can lose, an object or a closure, is some hundred. */
    private const LEAK = 50;

    /** From so many rounds on, resident memory is looked at. */
    private const MANY = 100;
    /** Bytes that it may grow by from a quarter of the rounds to their end: arenas of threads that come and go. */
    private const RESIDENT = 24 << 20;

    private int $round = 0;
    private int $most = 0;
    /** When memory was highest. */
    private int $record = 0;
    /** @var list<int> memory after each round since it is suspected */
    private array $later = [];
    private int $until = 0;
    private ?int $descriptors = null;
    private ?int $threads = null;

    private int $resident = 0;

    public function __construct(private int $rounds)
    {
    }

    /** True if it has to be played once more. */
    public function look(): bool
    {
        $this->round++;
        for ($tries = 0; $tries < 3; $tries++) {
            try {
                gc_collect_cycles();
            } catch (Boom) {
                // A destructor that throws.
            }
        }
        $memory = memory_get_usage();
        Trace::say("round {$this->round} leaves $memory bytes");
        if ($this->round <= self::WARM) {
            $this->most = $memory;
            $this->descriptors = self::count('/proc/self/fd');
            $this->threads = self::count('/proc/self/task');

            return $this->round < $this->rounds;
        }
        $this->holds('descriptors', '/proc/self/fd', $this->descriptors);
        $this->holds('threads', '/proc/self/task', $this->threads);
        if ($memory > $this->most) {
            $this->most = $memory;
            $this->record = $this->round;
        }
        $this->lookAtResident();
        if ($this->round < $this->rounds) {
            return true;
        }
        if ($this->round === $this->rounds) {
            $this->until = hrtime(true) + self::SECONDS * 1_000_000_000;

            return $this->record === $this->round;
        }
        $this->later[] = $memory;
        if ($this->round - $this->record > self::CALM) {
            return false;
        }
        if (count($this->later) < self::MORE && hrtime(true) < $this->until) {
            return true;
        }
        $this->judge();

        return false;
    }

    private function judge(): void
    {
        $quarter = intdiv(count($this->later), 4);
        if ($quarter < 3) {
            return;
        }
        // The least of many rounds: what is left depends on where a round ended, too.
        $grown = min(array_slice($this->later, -$quarter)) - min(array_slice($this->later, $quarter, $quarter));
        if ($grown > self::LEAK * 2 * $quarter) {
            Trace::fault("memory grows: by $grown bytes in " . 2 * $quarter . " rounds, after {$this->round} rounds");
        }
    }

    private function lookAtResident(): void
    {
        if ($this->rounds < self::MANY || !is_file('/proc/self/statm')) {
            return;
        }
        $now = 4096 * (int) explode(' ', file_get_contents('/proc/self/statm'))[1];
        if ($this->round === intdiv($this->rounds, 4)) {
            $this->resident = $now;
        }
        if ($this->round === $this->rounds) {
            Trace::say("resident: {$this->resident} bytes, then $now");
            if ($now - $this->resident > self::RESIDENT) {
                Trace::fault("resident memory grew from {$this->resident} to $now bytes");
            }
        }
    }

    private function holds(string $what, string $folder, ?int $before): void
    {
        // The kernel takes a moment to forget a thread that has ended.
        $deadline = hrtime(true) + 2_000_000_000;
        while (($now = self::count($folder)) > $before) {
            if (hrtime(true) > $deadline) {
                Trace::fault("$now $what, $before before: " . implode(' ', array_map(
                    static fn (string $name): string => (string) @readlink("$folder/$name"),
                    scandir($folder),
                )));

                return;
            }
            usleep(1000);
        }
    }

    /** Null where there is no such folder. */
    private static function count(string $folder): ?int
    {
        return is_dir($folder) ? count(scandir($folder)) : null;
    }
}
