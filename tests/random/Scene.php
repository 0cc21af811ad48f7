<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

use Ferrite\Connection;
use Ferrite\Response;
use Ferrite\Server;
use Ferrite\StateException;

/**
 * Servers, their clients and whatever else a seed says, in one process.
 *
 * The script and every callback draw from the same list of acts, so a callback polls, stops, collects, suspends its
 * Fiber or replaces callbacks as the script does. In a wild scene they also fork, exit and cause fatal errors.
 */
final class Scene
{
    use Acts;

    /** Acts by how often they come. */
    private const ACTS = [
        'call' => 40, 'build' => 6, 'trick' => 14, 'register' => 5, 'serve' => 18, 'timer' => 5,
        'connect' => 10, 'speak' => 18, 'vanish' => 3, 'collect' => 4, 'forget' => 6,
        'fiber' => 5, 'resume' => 6, 'suspend' => 5, 'signal' => 2, 'output' => 1, 'set' => 1,
    ];

    private const WILD_ACTS = ['leave' => 1, 'fail' => 1, 'fork' => 2, 'shutDown' => 1, 'closeOutput' => 1, 'starve' => 2];

    /** The callbacks of a server, by the role in which they enter the scene. */
    private const ROLES = [
        'handshake' => 'onHandshake', 'open' => 'onOpen', 'message' => 'onMessage', 'close' => 'onClose',
        'error' => 'onError', 'drain' => 'onDrain', 'request' => 'onRequest', 'join' => 'onJoin', 'leave' => 'onLeave',
        'start' => 'onStart', 'stop' => 'onStop', 'authorize' => 'onAuthorize', 'rule' => 'onSubscribe',
    ];

    /** For sockets. */
    public readonly string $folder;

    public readonly Objects $objects;

    private Values $values;
    private Tricks $tricks;
    private Wild $wild;

    /** @var list<\Fiber> */
    private array $fibers = [];

    /** @var list<Peer> */
    private array $peers = [];

    /** @var \WeakMap<Connection, true> whose close has been told */
    private \WeakMap $closed;

    /** @var array<string, int> how often each role was entered */
    private array $entered = [];

    /** Acts that are left: a scene ends, whatever its callbacks do. */
    private int $budget;

    private int $depth = 0;
    private bool $isOver = false;
    private bool $takesSignals = false;

    /** @param list<\ReflectionClass> $classes of the extension */
    public function __construct(
        private int $seed,
        private bool $isWild,
        private array $classes,
        string $folder,
    ) {
        $this->folder = $folder;
        $this->objects = new Objects();
        $this->values = new Values($this);
        $this->tricks = new Tricks($this, $this->values);
        $this->wild = new Wild($this);
        $this->closed = new \WeakMap();
    }

    /** Plays it to its end; what is left of it is for {@see Scene::end()} or for the end of the process. */
    public function play(): void
    {
        $this->attempt($this->script(...));
        Trace::say('the script has ended');
    }

    private function script(): void
    {
        $chance = new Chance($this->seed, 'main');
        $this->budget = $chance->between(150, 500);
        $this->prepare($chance);
        for ($servers = $chance->between(1, 2); $servers > 0; $servers--) {
            $this->attempt(fn () => $this->open($chance));
        }
        for ($steps = $chance->between(20, 70); $steps > 0; $steps--) {
            $this->attempt(fn () => $this->act($chance));
            $this->attempt(fn () => $this->attend($chance));
        }
    }

    /** Lets go of everything. */
    public function end(): void
    {
        $this->isOver = true;
        $this->attempt($this->letGo(...));
    }

    private function letGo(): void
    {
        $chance = new Chance($this->seed, 'end');
        if (!$chance->once(4)) {
            // Clients that stay let a server wait for their close frames.
            $this->release($this->peers);
        }
        $servers = $this->objects->of(Server::class);
        if ($chance->once(2)) {
            foreach ($servers as $server) {
                $this->attempt(static fn () => $server->stop(0.0));
            }
        }
        unset($servers, $server);
        // Destructors throw, and each of them ends only the release that it was called in.
        $this->release($this->fibers);
        $this->release($this->peers);
        do {
            $isLeft = false;
            $this->attempt(function () use (&$isLeft): void {
                $isLeft = true;
                $isLeft = $this->objects->forgetLast();
            });
        } while ($isLeft);
        $this->attempt(static fn () => restore_error_handler());
        foreach (function_exists('pcntl_signal') ? [SIGUSR1, SIGTERM] : [] as $signal) {
            pcntl_signal($signal, SIG_DFL);
        }
        while (ob_get_level() > 0 && @ob_end_clean()) {
        }
        gc_enable();
        ini_restore('zend.exception_ignore_args');
        ini_restore('precision');
        error_reporting(E_ALL);
    }

    /** A callback is called. */
    public function enter(string $role, array $arguments): mixed
    {
        $number = $this->entered[$role] = ($this->entered[$role] ?? 0) + 1;
        Trace::say(str_repeat(' ', $this->depth) . "> $role $number " . Trace::text($arguments));
        $this->check($role, $arguments);
        if ($this->isOver || $this->budget <= 0) {
            return $role === 'authorize' || $role === 'rule' ? true : null;
        }
        $chance = new Chance($this->seed, "$role/$number");
        foreach ($arguments as $argument) {
            $this->objects->keep($argument, $chance);
        }
        for ($acts = $chance->below(4); $acts > 0; $acts--) {
            $this->act($chance);
        }
        if ($chance->once(10)) {
            Trace::say(str_repeat(' ', $this->depth) . "< $role $number throws");
            throw new Boom($role, $chance->once(3) ? $this->values->any($chance) : null);
        }

        return $chance->once(8) ? $this->values->any($chance) : $this->answer($role, $arguments, $chance);
    }

    /** One act; true once it threw nothing. */
    public function act(Chance $chance): void
    {
        if ($this->isOver || --$this->budget < 0) {
            return;
        }
        $act = $chance->weighed(self::ACTS + ($this->isWild ? self::WILD_ACTS : []));
        $this->depth++;
        try {
            isset(self::WILD_ACTS[$act]) ? $this->wild->$act($chance) : $this->$act($chance);
        } catch (\Throwable $error) {
            $this->judge($error);
            if ($this->depth > 1 && $chance->once(8)) {
                throw $error;
            }
        } finally {
            $this->depth--;
        }
    }

    /** @return list<\ReflectionClass> */
    public function classes(): array
    {
        return $this->classes;
    }

    /** A callable of any kind, for any place. */
    public function callback(Chance $chance): mixed
    {
        $object = $this->objects->any($chance);

        return match ($chance->below(13)) {
            0 => [new Callee($this, 'array'), 'method'],
            1 => [new Callee($this, 'magic'), 'anything'],
            2 => new Callee($this, 'invoked'),
            3 => (new Callee($this, 'hidden'))->ofHidden(),
            4 => fn (int $number, string $text) => $this->enter('typed', [$number, $text]),
            5 => function (mixed &$first, mixed &...$rest): mixed {
                $result = $this->enter('byReference', [$first]);
                $first = null;
                $rest = [];

                return $result;
            },
            6 => fn ($a, $b, $c, $d, $e) => $this->enter('manyParameters', []),
            7 => $object === null ? 'strlen' : ($this->method($object, $chance) ?? 'strlen'),
            8 => function () use ($object): \Generator {
                yield $this->enter('generator', [$object]);
            },
            9 => [Callee::class, 'anything'],
            default => fn (mixed ...$arguments) => $this->enter('closure', [...$arguments, $object]),
        };
    }

    /** What a child may not share with its parent. */
    public function becomeChild(): void
    {
        $this->peers = [];
    }

    /** Takes note of an exception that was caught: almost anything may be thrown, but not that. */
    public function judge(\Throwable $error): void
    {
        Trace::say(str_repeat(' ', $this->depth) . '! ' . $error::class . ': ' . substr(addcslashes($error->getMessage(), "\0..\37\177..\377"), 0, 160));
        for ($one = $error; $one !== null; $one = $one->getPrevious()) {
            if (preg_match('~panic|internal error~i', $one->getMessage()) === 1) {
                Trace::fault(get_class($one) . ': ' . $one->getMessage());
            }
        }
    }

    /** Where no exception may stop what comes after it. What an exception holds may throw when it is released. */
    private function attempt(?callable $body): void
    {
        $error = null;
        do {
            try {
                if ($body !== null) {
                    [$call, $body] = [$body, null];
                    $call();
                } else {
                    $this->judge($error);
                    $error = null;
                }
                $call = null;
            } catch (\Throwable $thrown) {
                $error = $thrown;
                unset($thrown);
            }
        } while ($error !== null);
    }

    private function release(array &$list): void
    {
        while ($list !== []) {
            $this->attempt(static function () use (&$list): void {
                array_pop($list);
            });
        }
    }

    private function prepare(Chance $chance): void
    {
        match ($chance->below(4)) {
            0 => set_error_handler(static function (int $level, string $message): never {
                throw new \ErrorException($message, 0, $level);
            }),
            1 => set_error_handler(fn (int $level, string $message) => (bool) $this->enter('warning', [$message])),
            default => set_error_handler(static fn (): bool => true),
        };
        if (function_exists('pcntl_signal')) {
            pcntl_async_signals($chance->once(2));
            foreach ([SIGUSR1, SIGTERM] as $signal) {
                pcntl_signal($signal, fn (int $signal) => $this->enter('signal', [$signal]));
            }
            $this->takesSignals = function_exists('posix_kill');
        }
    }

    /** What callbacks of one connection may not do: come after its last. */
    private function check(string $role, array $arguments): void
    {
        $connection = $arguments[0] ?? null;
        if (!$connection instanceof Connection || !in_array($role, ['open', 'message', 'drain', 'close'], true)) {
            return;
        }
        if (isset($this->closed[$connection])) {
            Trace::fault("$role of a connection whose close has been told");
        }
        if ($role === 'close') {
            $this->closed[$connection] = true;
        }
    }

    private function answer(string $role, array $arguments, Chance $chance): mixed
    {
        if ($role === 'handshake' && $chance->once(3)) {
            match ($chance->below(4)) {
                0 => $arguments[0]->reject(403, 'no'),
                1 => $arguments[0]->defer(),
                default => $arguments[0]->accept($chance->pick([null, 'ann', 'bob']), ['room'], ['language' => 'FR']),
            };
        }

        return match ($role) {
            'authorize', 'rule' => !$chance->once(5),
            'request' => $chance->pick(['text', null, new Response('made', 201, ['X-A' => 'b']), $this->objects->one(Response::class, $chance)]),
            default => null,
        };
    }

    private function open(Chance $chance): void
    {
        $options = $this->options($chance);
        $server = new Server(...$options);
        Trace::say('new server');
        $this->objects->keep($server, $chance);
        foreach (self::ROLES as $role => $method) {
            if ($chance->once(2)) {
                $this->attempt(fn () => $this->listen($server, $role, $chance));
            }
        }
        if (!$chance->once(4)) {
            $server->start();
        }
    }

    /** @return array<string, mixed> options that are right */
    private function options(Chance $chance): array
    {
        $options = [];
        foreach ((new \ReflectionMethod(Server::class, '__construct'))->getParameters() as $parameter) {
            if ($parameter->getName() === 'listen' || $chance->once(4)) {
                $options[$parameter->getName()] = $this->values->fitting($parameter, $chance);
            }
        }
        if (!$chance->once(8)) {
            $options['logger'] ??= fn (string $level, string $message, array $context) => $this->enter('log', [$level, $message]);
        }

        return $options;
    }

    private function listen(Server $server, string $role, Chance $chance): void
    {
        $callback = match ($chance->below(4)) {
            0 => [new Callee($this, $role), 'method'],
            1 => (new Callee($this, $role))->ofHidden(),
            2 => fn (mixed ...$arguments) => $this->enter($role, $arguments),
            default => function (mixed ...$arguments) use ($server, $role): mixed {
                return $this->enter($role, $arguments);
            },
        };
        $method = self::ROLES[$role];
        $role === 'rule' ? $server->onSubscribe($chance->pick(['room', '*', 'user.{user}']), $callback) : $server->$method($callback);
    }

    /** A method of a native object as a closure; not those that would wait for somebody to stop them. */
    private function method(object $object, Chance $chance): ?\Closure
    {
        $methods = array_filter(
            (new \ReflectionClass($object))->getMethods(\ReflectionMethod::IS_PUBLIC),
            static fn (\ReflectionMethod $method): bool => !in_array($method->getName(), ['run', 'stop'], true),
        );

        return $methods === [] ? null : $chance->pick(array_values($methods))->getClosure($object);
    }

    /** Gives network and servers a moment. */
    private function attend(Chance $chance): void
    {
        foreach ($this->objects->of(Server::class) as $server) {
            if ($chance->once(2)) {
                $this->attempt(static function () use ($server, $chance): void {
                    try {
                        $server->poll(0.0);
                    } catch (StateException) {
                        // Not started, or run by run().
                        $chance->once(4) && $server->start();
                    }
                });
            }
        }
        foreach ($this->peers as $peer) {
            $peer->listen();
        }
        if ($this->peers !== [] && $chance->once(3)) {
            $chance->pick($this->peers)->linger();
        }
    }
}
