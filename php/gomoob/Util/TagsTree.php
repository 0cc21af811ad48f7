<?php

declare(strict_types=1);

namespace Gomoob\WebSocket\Util;

/**
 * Objects that can be found by their tags: a search returns those that have all the given tags.
 *
 * If an object is added again, the new tags replace the former ones.
 */
class TagsTree implements \Countable
{
    /** @var array<string, object> by object hash */
    private array $objects = [];

    /** @var array<string, array<string, string|int>> by object hash */
    private array $tags = [];

    /** @var array<string, array<string|int, array<string, object>>> by name, value and object hash */
    private array $index = [];

    /**
     * @param bool $legacy true = find as version 1.2.0 does: a tag that no object has does not count, and after tags
     *     that no object has together the next one begins anew
     */
    public function __construct(private bool $legacy = false)
    {
    }

    /**
     * @param object $object
     * @param array<string, string|int> $tags
     *
     * @throws \InvalidArgumentException a name is no string, or a value neither string nor int
     */
    public function add($object, array $tags = [])
    {
        $tags = Tags::validated($tags);
        $this->delete($object);
        $hash = spl_object_hash($object);
        $this->objects[$hash] = $object;
        $this->tags[$hash] = $tags;
        foreach ($tags as $name => $value) {
            $this->index[$name][$value][$hash] = $object;
        }
    }

    /** @param object $object */
    public function contains($object)
    {
        return isset($this->objects[spl_object_hash($object)]);
    }

    /** Number of objects. */
    public function count(): int
    {
        return count($this->objects);
    }

    /** @param object $object */
    public function delete($object)
    {
        $hash = spl_object_hash($object);
        foreach ($this->tags[$hash] ?? [] as $name => $value) {
            unset($this->index[$name][$value][$hash]);
            if ($this->index[$name][$value] === []) {
                unset($this->index[$name][$value]);
            }
            if ($this->index[$name] === []) {
                unset($this->index[$name]);
            }
        }
        unset($this->objects[$hash], $this->tags[$hash]);
    }

    /**
     * @param array<string, string|int> $tags none = every object
     *
     * @return array<string, object> by object hash
     */
    public function findByTags(array $tags = [])
    {
        if ($tags === []) {
            return $this->objects;
        }
        $found = $this->legacy ? [] : $this->objects;
        foreach ($tags as $name => $value) {
            $having = $this->index[$name][$value] ?? [];
            if (!$this->legacy) {
                $found = array_intersect_key($found, $having);
            } elseif ($found === []) {
                $found = $having;
            } elseif ($having !== []) {
                $found = array_intersect_key($found, $having);
            }
        }

        return $found;
    }

    /** Forgets all objects. */
    public function reset()
    {
        $this->objects = $this->tags = $this->index = [];
    }
}
