<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

/**
 * What a scene leaves behind in its process, looked at after each time it was played.
 *
 * The first times fill caches of PHP and of the scene. Later, memory that grows is suspected and the scene is played
 * more often: a leak goes on growing, everything else stops. Descriptors and threads never become more.
 */
final class Left
{
    private const WARM = 2;
    private const MORE = 25;
    /** Times that memory was higher than ever before, among the additional ones. */
    private const LEAK = 6;

    /** From so many rounds on, resident memory is looked at. */
    private const MANY = 100;
    /** Bytes that it may grow by from a quarter of the rounds to their end: arenas of threads that come and go. */
    private const RESIDENT = 24 << 20;

    private int $round = 0;
    private int $most = 0;
    private int $records = 0;
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
            $this->records++;
        }
        $this->lookAtResident();
        if ($this->round < $this->rounds) {
            return true;
        }
        if ($this->round === $this->rounds) {
            $isSuspect = $this->records > 0;
            $this->records = 0;

            return $isSuspect;
        }
        if ($this->records >= self::LEAK) {
            Trace::fault("memory grows: $memory bytes after {$this->round} rounds");

            return false;
        }

        return $this->round < $this->rounds + self::MORE;
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
