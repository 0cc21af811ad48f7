<?php

declare(strict_types=1);

// Small event loops with those methods of ReactPHP's and Revolt's that the adapters use, and with their promises: who is
// removed is not called any more, a loop with nothing in it ends, Revolt's callbacks run in Fibers.
// FERRITE_LOOPS_AUTOLOAD names an autoload.php that has the real ones instead.

namespace React\EventLoop {
    interface LoopInterface
    {
        public function addReadStream($stream, $listener);

        public function removeReadStream($stream);

        public function addTimer($interval, $callback);

        public function run();
    }

    final class Loop
    {
        private static ?LoopInterface $loop = null;

        public static function get(): LoopInterface
        {
            return self::$loop ??= new SmallLoop();
        }
    }

    final class SmallLoop implements LoopInterface
    {
        private array $readers = [];
        private array $timers = [];

        public function addReadStream($stream, $listener): void
        {
            $this->readers[(int) $stream] = [$stream, $listener];
        }

        public function removeReadStream($stream): void
        {
            unset($this->readers[(int) $stream]);
        }

        public function addTimer($interval, $callback): void
        {
            $this->timers[] = [hrtime(true) + $interval * 1e9, $callback];
        }

        public function run(): void
        {
            while ($this->readers !== [] || $this->timers !== []) {
                $read = array_column($this->readers, 0);
                $none = null;
                $wait = $this->timers === [] ? 1e9 : max(0.0, min(array_column($this->timers, 0)) - hrtime(true));
                if ($read === []) {
                    usleep((int) ceil($wait / 1e3));
                } else {
                    stream_select($read, $none, $none, 0, (int) ceil($wait / 1e3));
                }
                foreach ($read as $stream) {
                    if (isset($this->readers[(int) $stream])) {
                        $this->readers[(int) $stream][1]($stream);
                    }
                }
                foreach ($this->timers as $i => [$at, $callback]) {
                    if ($at <= hrtime(true)) {
                        unset($this->timers[$i]);
                        $callback();
                    }
                }
            }
        }
    }
}

namespace Revolt {
    final class EventLoop
    {
        private static ?\React\EventLoop\SmallLoop $loop = null;
        private static array $streams = [];

        public static function onReadable(mixed $stream, \Closure $closure): string
        {
            self::$streams[$id = 'r' . count(self::$streams)] = $stream;
            self::loop()->addReadStream($stream, fn () => (new \Fiber($closure))->start($id, $stream));
            return $id;
        }

        public static function delay(float $delay, \Closure $closure): string
        {
            self::loop()->addTimer($delay, fn () => (new \Fiber($closure))->start(''));
            return '';
        }

        public static function cancel(string $callbackId): void
        {
            self::loop()->removeReadStream(self::$streams[$callbackId]);
        }

        public static function run(): void
        {
            self::loop()->run();
        }

        private static function loop(): \React\EventLoop\SmallLoop
        {
            return self::$loop ??= new \React\EventLoop\SmallLoop();
        }
    }
}
