<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

/** What ends a process, or makes another. */
final class Wild
{
    /** Seconds until a child that hangs is killed. */
    private const PATIENCE = 20;

    /** @var list<int> children that have not been waited for */
    private static array $children = [];

    public function __construct(private Scene $scene)
    {
    }

    /** Waits for every child, and says how it should not have ended. */
    public static function reap(): void
    {
        foreach (self::$children as $child) {
            // A child has an alarm, so this ends.
            pcntl_waitpid($child, $status);
            if (pcntl_wifsignaled($status)) {
                $signal = pcntl_wtermsig($status);
                Trace::fault("child $child " . ($signal === SIGALRM ? 'hung' : "died of signal $signal"));
            }
        }
        self::$children = [];
    }

    public function leave(Chance $chance): void
    {
        $status = $chance->pick([0, 1, 7, 200]);
        // run.py reads it.
        Trace::say("EXIT $status");
        exit($status);
    }

    /** A fatal error. */
    public function fail(Chance $chance): void
    {
        $kind = $chance->below(5);
        Trace::say("EXIT 255 by fatal error $kind");
        match ($kind) {
            0 => $this->exhaust(),
            1 => $this->raise(),
            2 => eval('class OfServer extends \Ferrite\Server {}'),
            3 => eval('function one() {} function one() {}'),
            default => eval('interface I { function f(); } class C implements I {}'),
        };
    }

    private function exhaust(): void
    {
        ini_set('memory_limit', (string) (memory_get_usage(true) + (4 << 20)));
        $kept = [];
        while (true) {
            $kept[] = str_repeat('x', 100_000);
        }
    }

    private function raise(): void
    {
        set_error_handler(null);
        @trigger_error('raised on purpose', E_USER_ERROR);
    }

    public function fork(Chance $chance): void
    {
        // A thread may hold a lock of AddressSanitizer's, which the child would wait for.
        if (!function_exists('pcntl_fork') || !$chance->once(2) || getenv('ASAN_OPTIONS') !== false) {
            return;
        }
        Trace::say('fork');
        $child = pcntl_fork();
        if ($child > 0) {
            self::$children[] = $child;

            return;
        }
        pcntl_alarm(self::PATIENCE);
        self::$children = [];
        $this->scene->becomeChild();
        for ($acts = $chance->below(4); $acts > 0; $acts--) {
            $this->scene->act($chance);
        }
        // Or it goes on as the parent does.
        if (!$chance->once(3)) {
            exit(0);
        }
    }

    public function shutDown(Chance $chance): void
    {
        Trace::say('register_shutdown_function');
        $scene = $this->scene;
        register_shutdown_function(static function () use ($scene): void {
            $scene->enter('shutdown', []);
        });
    }

    public function closeOutput(Chance $chance): void
    {
        if (!$chance->once(3)) {
            return;
        }
        Trace::say('close the standard streams');
        // PHP would end the script at its next word, if that comes outside of a server's loop.
        ignore_user_abort(true);
        foreach ([STDIN, STDOUT, STDERR] as $stream) {
            $chance->once(2) && is_resource($stream) && fclose($stream);
        }
    }

    /** Leaves few descriptors, or none. */
    public function starve(Chance $chance): void
    {
        // AddressSanitizer could not write its report.
        if (!function_exists('posix_setrlimit') || !is_dir('/proc/self/fd') || getenv('ASAN_OPTIONS') !== false) {
            return;
        }
        $used = array_flip(scandir('/proc/self/fd'));
        $left = $chance->pick([0, 1, 2, 5, 12, 40]);
        for ($limit = 0; $left > 0 || isset($used[$limit]); $limit++) {
            $left -= isset($used[$limit]) ? 0 : 1;
        }
        Trace::say("starve: $limit descriptors");
        posix_setrlimit(POSIX_RLIMIT_NOFILE, $limit, $limit);
    }
}
