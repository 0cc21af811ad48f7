<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

use Ferrite\BaseHandler;
use Ferrite\Connection;
use Ferrite\Handler;
use Ferrite\Handshake;

/** What a scene throws on purpose. */
final class Boom extends \RuntimeException
{
    /** @param mixed $cargo kept alive with the exception */
    public function __construct(string $message, public mixed $cargo = null)
    {
        parent::__construct($message, 0, $cargo instanceof \Throwable ? $cargo : null);
    }
}

/** Throws when it is released. */
final class Bomb
{
    public mixed $cargo = null;

    public function __destruct()
    {
        throw new Boom('released');
    }
}

/** Enters the scene when it is released. */
final class Echoing
{
    public function __construct(private Scene $scene, private string $name)
    {
    }

    public function __destruct()
    {
        $this->scene->enter("destructor {$this->name}", []);
    }
}

/** Enters the scene, or throws, where a string is wanted. */
final class Loud
{
    public function __construct(private Scene $scene, private Chance $chance)
    {
    }

    public function __toString(): string
    {
        $this->scene->enter('__toString', []);

        return $this->chance->once(3) ? throw new Boom('no text') : 'loud';
    }
}

/** A callback by every way in which an object can be one. */
final class Callee
{
    public function __construct(private Scene $scene, private string $role)
    {
    }

    public function method(mixed ...$arguments): mixed
    {
        return $this->scene->enter($this->role, $arguments);
    }

    private function hidden(mixed ...$arguments): mixed
    {
        return $this->scene->enter($this->role, $arguments);
    }

    public function __invoke(mixed ...$arguments): mixed
    {
        return $this->scene->enter($this->role, $arguments);
    }

    public function __call(string $name, array $arguments): mixed
    {
        return $this->scene->enter($this->role, $arguments);
    }

    public static function __callStatic(string $name, array $arguments): mixed
    {
        return null;
    }

    public function ofHidden(): \Closure
    {
        return $this->hidden(...);
    }
}

/** All callbacks as methods, some of them inherited from what does nothing. */
final class SomeMethods extends BaseHandler
{
    public function __construct(private Scene $scene)
    {
    }

    public function onOpen(Connection $connection): void
    {
        $this->scene->enter('open', [$connection]);
    }

    public function onMessage(Connection $connection, string $data, bool $binary): void
    {
        $this->scene->enter('message', [$connection, $data, $binary]);
    }
}

final class AllMethods implements Handler
{
    public function __construct(private Scene $scene)
    {
    }

    public function onHandshake(Handshake $handshake): void
    {
        $this->scene->enter('handshake', [$handshake]);
    }

    public function onOpen(Connection $connection): void
    {
        $this->scene->enter('open', [$connection]);
    }

    public function onMessage(Connection $connection, string $data, bool $binary): void
    {
        $this->scene->enter('message', [$connection, $data, $binary]);
    }

    public function onClose(Connection $connection, int $code, string $reason): void
    {
        $this->scene->enter('close', [$connection, $code, $reason]);
    }

    public function onError(\Throwable $error, ?Connection $connection): void
    {
        $this->scene->enter('error', [$error, $connection]);
    }
}
