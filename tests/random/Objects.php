<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

use Ferrite\Connection;
use Ferrite\Handshake;
use Ferrite\Server;
use Ferrite\Audience;

/** Native objects that are at hand, a few of each class. */
final class Objects
{
    private const MOST = 6;

    /** Classes with much to do. */
    private const OFTEN = [Server::class, Connection::class, Handshake::class, Audience::class];

    /** @var array<class-string, list<object>> */
    private array $objects = [];

    /** @var list<int> ids of connections, open or not */
    private array $ids = [0];

    /** Takes a native object, or those in an array; nothing else. */
    public function keep(mixed $value, Chance $chance): void
    {
        if (is_array($value)) {
            foreach (array_slice($value, 0, 3) as $item) {
                is_object($item) && $this->keep($item, $chance);
            }
        }
        if (!is_object($value) || !str_starts_with($value::class, 'Ferrite\\') || str_starts_with($value::class, __NAMESPACE__)) {
            return;
        }
        if ($value instanceof Connection) {
            $this->ids = [...array_slice($this->ids, -5), $value->id];
        }
        $objects = $this->of($value::class);
        if (count($objects) < self::MOST) {
            $objects[] = $value;
        } else {
            $objects[$chance->below(self::MOST)] = $value;
        }
        $this->objects[$value::class] = $objects;
    }

    /** @return list<object> */
    public function of(string $class): array
    {
        return $this->objects[$class] ?? [];
    }

    public function one(string $class, Chance $chance): ?object
    {
        $objects = $this->of($class);

        return $objects === [] ? null : $chance->pick($objects);
    }

    public function any(Chance $chance): ?object
    {
        if ($this->objects === []) {
            return null;
        }
        $often = array_values(array_intersect(self::OFTEN, array_keys($this->objects)));

        return $this->one($chance->pick($often !== [] && $chance->once(2) ? $often : array_keys($this->objects)), $chance);
    }

    public function id(Chance $chance): int
    {
        return $chance->pick($this->ids);
    }

    /** Lets go of one, whose destructors may throw. */
    public function forget(Chance $chance): void
    {
        if ($this->objects !== []) {
            $this->drop($chance->pick(array_keys($this->objects)), $chance);
        }
    }

    /** The same until none is left: false then. */
    public function forgetLast(): bool
    {
        $class = array_key_last($this->objects);
        if ($class === null) {
            return false;
        }
        $this->drop($class, null);

        return true;
    }

    private function drop(string $class, ?Chance $chance): void
    {
        $objects = $this->objects[$class];
        $index = $chance === null ? array_key_last($objects) : $chance->below(count($objects));
        $dropped = $objects[$index];
        array_splice($objects, $index, 1);
        if ($objects === []) {
            unset($this->objects[$class]);
        } else {
            $this->objects[$class] = $objects;
        }
        Trace::say('forget ' . Trace::text($dropped));
    }
}
