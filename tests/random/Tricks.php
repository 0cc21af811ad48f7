<?php

declare(strict_types=1);

namespace Ferrite\Tests\Random;

/** What the language and its standard library can do with any object. */
final class Tricks
{
    private const TRICKS = [
        'constructAgain', 'copy', 'serialise', 'export', 'iterate', 'compare', 'convert', 'refer', 'readProperties',
        'writeProperty', 'referToProperty', 'unsetProperty', 'unfinished', 'rebind', 'attach', 'destructByHand',
    ];

    public function __construct(private Scene $scene, private Values $values)
    {
    }

    public function play(object $object, Chance $chance): void
    {
        $trick = $chance->pick(self::TRICKS);
        Trace::say("  trick $trick on " . Trace::text($object));
        $this->$trick($object, $chance);
    }

    private function constructAgain(object $object, Chance $chance): void
    {
        $constructor = (new \ReflectionClass($object))->getConstructor();
        if ($constructor !== null) {
            $constructor->invokeArgs($object, $this->values->arguments($constructor, $chance));
        }
    }

    private function copy(object $object, Chance $chance): void
    {
        $this->scene->objects->keep(clone $object, $chance);
    }

    private function serialise(object $object, Chance $chance): void
    {
        $class = $object::class;
        $text = $chance->once(2)
            ? serialize($object)
            : $chance->pick([
                sprintf('O:%d:"%s":0:{}', strlen($class), $class),
                sprintf('O:%d:"%s":1:{s:2:"id";i:1;}', strlen($class), $class),
                sprintf('C:%d:"%s":2:{ab}', strlen($class), $class),
                sprintf('E:%d:"%s:Close";', strlen($class) + 6, $class),
                sprintf('O:%d:"%s":1:{s:4:"data";O:%d:"%s":0:{}}', strlen($class), $class, strlen($class), $class),
            ]);
        $this->scene->objects->keep(unserialize($text), $chance);
    }

    private function export(object $object, Chance $chance): void
    {
        ob_start();
        try {
            match ($chance->below(6)) {
                0 => var_dump($object),
                1 => print_r($object),
                2 => @var_export($object),
                3 => var_dump(\Closure::fromCallable(fn () => $object)),
                4 => print json_encode($object, JSON_PARTIAL_OUTPUT_ON_ERROR),
                default => print new \ReflectionObject($object),
            };
        } finally {
            ob_end_clean();
        }
    }

    private function iterate(object $object, Chance $chance): void
    {
        foreach ($object as $key => $value) {
            $chance->once(3) && $this->scene->act($chance);
        }
        if ($chance->once(2)) {
            foreach ($object as &$value) {
                $value = $this->values->any($chance);
            }
        }
        iterator_to_array($object instanceof \Traversable ? $object : new \ArrayIterator($object));
    }

    private function compare(object $object, Chance $chance): void
    {
        $other = $chance->once(2) ? $this->scene->objects->any($chance) : $this->values->any($chance);
        $results = [$object == $other, $object <=> $other, $object === $other, in_array($other, [$object]), array_search($object, [$other])];
        sort($results);
        max($object, $other);
        $keys = [$object, $other];
        sort($keys);
    }

    private function convert(object $object, Chance $chance): void
    {
        $result = match ($chance->below(7)) {
            0 => (array) $object,
            1 => (string) $object,
            2 => (int) $object,
            3 => $object(),
            4 => $object[0],
            5 => count($object),
            default => (bool) $object && [...(array) $object],
        };
    }

    /** Weakly, and from places that outlive the scene's own reference. */
    private function refer(object $object, Chance $chance): void
    {
        $weak = \WeakReference::create($object);
        $map = new \WeakMap();
        $map[$object] = $chance->once(2) ? $object : new Echoing($this->scene, 'in a WeakMap');
        $storage = new \SplObjectStorage();
        $storage[$object] = [$map, $this->values->any($chance)];
        // A destructor that looks back while the object is freed.
        $observer = new class ($weak, $map) {
            public function __construct(private \WeakReference $weak, private \WeakMap $map)
            {
            }

            public function __destruct()
            {
                Trace::text($this->weak->get());
                count($this->map);
                foreach ($this->map as $key => $value) {
                    Trace::text([$key, $value]);
                }
            }
        };
        if ($object instanceof \Ferrite\Connection) {
            $object->data = $observer;
        } elseif ($object instanceof \Ferrite\Server) {
            $object->onDrain(static fn () => $observer);
        }
    }

    private function readProperties(object $object, Chance $chance): void
    {
        get_object_vars($object);
        foreach ((new \ReflectionClass($object))->getProperties() as $property) {
            if ($property->isInitialized($object)) {
                $this->scene->objects->keep($property->getValue($object), $chance);
            }
            $name = $property->getName();
            $found = isset($object->$name) || empty($object->$name);
        }
        $object->{'nothing'};
    }

    private function writeProperty(object $object, Chance $chance): void
    {
        $properties = (new \ReflectionClass($object))->getProperties();
        $name = $properties === [] || $chance->once(6) ? 'dynamic' : $chance->pick($properties)->getName();
        $value = match ($chance->below(5)) {
            // PHP itself calls itself without end for the text of an exception whose message is that exception.
            0 => $object instanceof \Throwable ? null : $object,
            1 => new Bomb(),
            2 => new Echoing($this->scene, 'in a property'),
            3 => fn () => $object,
            default => $this->values->any($chance),
        };
        if ($chance->once(3) && $properties !== []) {
            $chance->pick($properties)->setValue($object, $value);
        } else {
            $object->$name = $value;
        }
    }

    private function referToProperty(object $object, Chance $chance): void
    {
        $properties = (new \ReflectionClass($object))->getProperties();
        if ($properties !== []) {
            $name = $chance->pick($properties)->getName();
            $reference = &$object->$name;
            $reference = $chance->once(2) ? [&$reference] : $this->values->any($chance);
            $object->$name[] = $object;
        }
    }

    private function unsetProperty(object $object, Chance $chance): void
    {
        foreach ((new \ReflectionClass($object))->getProperties() as $property) {
            $name = $property->getName();
            unset($object->$name);
        }
    }

    /** One without its constructor, which then may be called, or not. */
    private function unfinished(object $object, Chance $chance): void
    {
        $class = new \ReflectionClass($object);
        $raw = $class->newInstanceWithoutConstructor();
        $this->scene->objects->keep($raw, $chance);
        if ($chance->once(2)) {
            $this->constructAgain($raw, $chance);
        }
    }

    private function rebind(object $object, Chance $chance): void
    {
        $methods = (new \ReflectionClass($object))->getMethods();
        if ($methods === []) {
            return;
        }
        $method = $chance->pick($methods);
        if (in_array($method->getName(), ['run', 'stop', '__construct'], true)) {
            return;
        }
        $closure = $method->getClosure($method->isStatic() ? null : $object);
        $other = $chance->once(2) ? $this->scene->objects->any($chance) : new \stdClass();
        $bound = @\Closure::bind($closure, $other, $other === null ? null : $other::class);
        if ($bound !== null) {
            $arguments = $this->values->arguments($method, $chance);
            $this->scene->objects->keep($bound(...$arguments), $chance);
        }
        array_map($closure, [$this->values->any($chance)], [$this->values->any($chance)]);
    }

    /** Cycles of every length. */
    private function attach(object $object, Chance $chance): void
    {
        $knot = new \stdClass();
        $knot->object = $object;
        $knot->self = $knot;
        $knot->callback = fn () => [$knot, $this->scene];
        $other = $this->scene->objects->any($chance);
        if ($other instanceof \Ferrite\Server) {
            $other->onLeave($knot->callback);
        } elseif ($other instanceof \Ferrite\Connection) {
            $other->data = $knot;
        }
    }

    private function destructByHand(object $object, Chance $chance): void
    {
        $object->__destruct();
    }
}
