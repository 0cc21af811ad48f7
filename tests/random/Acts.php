<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

use Ferrite\Server;

/** What the script of a scene and its callbacks do, one thing at a time. */
trait Acts
{
    private function call(Chance $chance): void
    {
        $object = $chance->once(20) ? null : $this->objects->any($chance);
        $class = $object === null ? $chance->pick($this->classes) : new \ReflectionClass($object);
        $methods = $class->getMethods();
        if ($methods === []) {
            return;
        }
        $method = $chance->pick($methods);
        $name = $method->getName();
        if ($name === '__construct' && !$chance->once(8)) {
            return;
        }
        $arguments = $this->values->arguments($method, $chance);
        Trace::say(str_repeat(' ', $this->depth) . $class->getName() . "::$name" . Trace::text($arguments));
        if ($object instanceof Server && $name === 'run') {
            $this->run($object, $chance);

            return;
        }
        if ($object instanceof Server && $name === 'stop') {
            $arguments = $arguments ?: [0.001];
        }
        $target = $object ?? $class->getName();
        $result = match ($chance->below(6)) {
            0 => $method->invokeArgs($object, $arguments),
            1 => call_user_func_array([$target, $name], $arguments),
            2 => $method->isStatic() || $object === null ? $target::$name(...$arguments) : $method->getClosure($object)(...$arguments),
            default => $object === null ? $target::$name(...$arguments) : $object->$name(...$arguments),
        };
        $this->objects->keep($result, $chance);
    }

    private function build(Chance $chance): void
    {
        $class = $chance->pick($this->classes);
        $constructor = $class->getConstructor();
        $arguments = $constructor === null || $constructor->isPrivate() ? [] : $this->values->arguments($constructor, $chance);
        if ($class->getName() === Server::class && !isset($arguments[0])) {
            // Not the default, which is a fixed port.
            $arguments['listen'] ??= '127.0.0.1:0';
        }
        Trace::say(str_repeat(' ', $this->depth) . "new {$class->getName()}" . Trace::text($arguments));
        $this->objects->keep($class->newInstanceArgs($arguments), $chance);
    }

    private function trick(Chance $chance): void
    {
        $object = $this->objects->any($chance);
        if ($object !== null) {
            $this->tricks->play($object, $chance);
        }
    }

    private function register(Chance $chance): void
    {
        $server = $this->objects->one(Server::class, $chance);
        $role = $chance->pick(array_keys(self::ROLES));
        Trace::say(str_repeat(' ', $this->depth) . "register $role");
        if ($server !== null) {
            $this->listen($server, $role, $chance);
        }
    }

    private function serve(Chance $chance): void
    {
        $server = $this->objects->one(Server::class, $chance);
        if ($server === null) {
            $this->open($chance);

            return;
        }
        $act = $chance->weighed(['poll' => 10, 'start' => 3, 'run' => 3, 'stop' => 2, 'wait' => 2]);
        Trace::say(str_repeat(' ', $this->depth) . "serve: $act");
        match ($act) {
            'poll' => $server->poll($chance->pick([0.0, 0.001, 0.005])),
            'start' => $server->start(),
            'run' => $this->run($server, $chance),
            'stop' => $server->stop($chance->pick([0.0, 0.005])),
            'wait' => $this->waitFor($server, $chance),
        };
    }

    /** run() until a timer stops it. */
    private function run(Server $server, Chance $chance): void
    {
        $server->after($chance->pick([0.005, 0.02, 0.05]), static fn () => $server->stop(0.0));
        $server->every(0.002, function () use ($chance): void {
            $this->attend($chance);
            $this->enter('beat', []);
        });
        $isRunning = true;
        if ($this->takesSignals && $chance->once(6)) {
            // As the system has it: the server drains.
            pcntl_signal(SIGTERM, SIG_DFL);
            $server->after(0.003, static function () use (&$isRunning): void {
                $isRunning && posix_kill(getmypid(), SIGTERM);
            });
        }
        try {
            $server->run();
        } finally {
            $isRunning = false;
            if ($this->takesSignals) {
                pcntl_signal(SIGTERM, fn (int $signal) => $this->enter('signal', [$signal]));
            }
        }
    }

    private function waitFor(Server $server, Chance $chance): void
    {
        $stream = $server->stream();
        if ($chance->once(3)) {
            match ($chance->below(4)) {
                0 => stream_set_blocking($stream, $chance->once(2)),
                1 => fclose($stream),
                2 => stream_set_timeout($stream, 1),
                default => stream_get_meta_data($stream),
            };
        }
        $read = [$stream];
        $write = $except = null;
        stream_select($read, $write, $except, 0, 1000);
    }

    private function timer(Chance $chance): void
    {
        $server = $this->objects->one(Server::class, $chance);
        if ($server === null) {
            return;
        }
        Trace::say(str_repeat(' ', $this->depth) . 'timer');
        $timer = null;
        $callback = function () use (&$timer): void {
            $this->enter('timer', [$timer]);
        };
        $timer = $chance->once(2) ? $server->after($chance->pick([0.0, 0.002, 600.0]), $callback) : $server->every(0.001, $callback);
        $this->objects->keep($timer, $chance);
    }

    private function connect(Chance $chance): void
    {
        $server = $this->objects->one(Server::class, $chance);
        $address = $server?->addresses()[0] ?? null;
        Trace::say(str_repeat(' ', $this->depth) . 'connect ' . Trace::text($address));
        if ($address === null) {
            return;
        }
        $peer = Peer::connect(preg_replace('~\?.*|^wss?://~', '', $address), $chance, str_starts_with($address, 'wss'));
        if ($peer !== null) {
            $this->peers = [...array_slice($this->peers, -7), $peer];
            $chance->once(2) && $peer->speak($chance);
        }
    }

    private function speak(Chance $chance): void
    {
        if ($this->peers !== []) {
            Trace::say(str_repeat(' ', $this->depth) . 'speak');
            $chance->pick($this->peers)->speak($chance);
        }
    }

    private function vanish(Chance $chance): void
    {
        if ($this->peers !== []) {
            Trace::say(str_repeat(' ', $this->depth) . 'vanish');
            unset($this->peers[$chance->below(count($this->peers))]);
            $this->peers = array_values($this->peers);
        }
    }

    private function collect(Chance $chance): void
    {
        Trace::say(str_repeat(' ', $this->depth) . 'collect');
        gc_collect_cycles();
    }

    private function forget(Chance $chance): void
    {
        $this->objects->forget($chance);
    }

    private function fiber(Chance $chance): void
    {
        Trace::say(str_repeat(' ', $this->depth) . 'fiber');
        $number = $this->entered['fiber'] = ($this->entered['fiber'] ?? 0) + 1;
        $own = new Chance($this->seed, "fiber/$number");
        $fiber = new \Fiber(function () use ($own): mixed {
            for ($acts = $own->between(1, 6); $acts > 0; $acts--) {
                $this->act($own);
                $own->once(3) && \Fiber::suspend();
            }

            return $own->once(5) ? throw new Boom('fiber') : null;
        });
        $this->fibers = [...array_slice($this->fibers, -3), $fiber];
        $fiber->start();
    }

    private function resume(Chance $chance): void
    {
        if ($this->fibers === []) {
            return;
        }
        $fiber = $chance->pick($this->fibers);
        Trace::say(str_repeat(' ', $this->depth) . 'resume');
        if ($fiber->isSuspended()) {
            if ($chance->once(4)) {
                $fiber->throw(new Boom('into a fiber'));

                return;
            }
            $value = $this->values->any($chance);
            $fiber->resume($value);
        }
    }

    private function suspend(Chance $chance): void
    {
        if (\Fiber::getCurrent() !== null || $chance->once(10)) {
            Trace::say(str_repeat(' ', $this->depth) . 'suspend');
            $value = $chance->once(4) ? $this->values->any($chance) : null;
            \Fiber::suspend($value);
        }
    }

    private function signal(Chance $chance): void
    {
        if ($this->takesSignals) {
            Trace::say(str_repeat(' ', $this->depth) . 'signal');
            posix_kill(getmypid(), SIGUSR1);
        }
    }

    private function output(Chance $chance): void
    {
        Trace::say(str_repeat(' ', $this->depth) . 'output');
        match ($chance->below(4)) {
            0 => ob_start(),
            1 => ob_start(fn (string $text): string => (string) $this->budget),
            2 => ob_get_level() > 0 && ob_end_clean(),
            default => print "said by a scene\n",
        };
    }

    private function set(Chance $chance): void
    {
        Trace::say(str_repeat(' ', $this->depth) . 'set');
        match ($chance->below(5)) {
            0 => gc_disable(),
            1 => gc_enable(),
            2 => error_reporting($chance->pick([0, E_ALL])),
            3 => ini_set('zend.exception_ignore_args', $chance->pick(['0', '1'])),
            default => ini_set('precision', $chance->pick(['-1', '3'])),
        };
    }
}
