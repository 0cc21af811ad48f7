<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/** Whom an audience means, without whoever would send. Equal selections (`==`) mean the same in the same words. */
final class Selection
{
    /**
     * @param list<string>|null $topics One of these; null = not asked for.
     * @param list<string>|null $users
     * @param list<int>|null $connections
     * @param list<array<string, string>|string> $tags All of these: tags that have to be equal, or a query.
     * @param list<int> $except
     */
    public function __construct(
        public readonly ?array $topics = null,
        public readonly ?array $users = null,
        public readonly ?array $connections = null,
        public readonly array $tags = [],
        public readonly array $except = [],
    ) {
    }

    /** Whether a selector was given no value, so that nobody can be meant. */
    public function matchesNobody(): bool
    {
        return $this->topics === [] || $this->users === [] || $this->connections === [];
    }

    /** What the control API calls an audience. */
    public function toJson(): object
    {
        $fields = [];
        foreach (['topics', 'users', 'connections'] as $name) {
            if ($this->$name !== null) {
                $fields[$name] = $this->$name;
            }
        }
        if ($this->tags !== []) {
            // One alone goes as it is: the column of an error then fits what was given.
            $fields['tags'] = count($this->tags) > 1 ? $this->query() : (
                is_array($this->tags[0]) ? (object) $this->tags[0] : $this->tags[0]
            );
        }
        if ($this->except !== []) {
            $fields['except'] = $this->except;
        }
        return (object) $fields;
    }

    /** The same for the query of a URL, where an empty list cannot be said: see {@see self::matchesNobody()}. */
    public function toQuery(): string
    {
        $pairs = [];
        $lists = [
            'topic' => $this->topics ?? [],
            'user' => $this->users ?? [],
            'id' => $this->connections ?? [],
            'except' => $this->except,
        ];
        foreach ($lists as $name => $values) {
            foreach ($values as $value) {
                $pairs[] = "$name=" . rawurlencode((string) $value);
            }
        }
        if ($this->tags !== []) {
            $pairs[] = 'tags=' . rawurlencode($this->query());
        }
        return implode('&', $pairs);
    }

    /** All that is asked of tags, as one query. */
    private function query(): string
    {
        $queries = array_map(fn (array|string $tags) => is_array($tags) ? self::equalities($tags) : $tags, $this->tags);
        return count($queries) === 1 ? $queries[0] : '(' . implode(') & (', $queries) . ')';
    }

    /** @param array<string, string> $tags */
    private static function equalities(array $tags): string
    {
        $parts = [];
        foreach ($tags as $name => $value) {
            $parts[] = self::quoted((string) $name) . '=' . self::quoted($value);
        }
        return implode(' & ', $parts);
    }

    private static function quoted(string $text): string
    {
        return '"' . addcslashes($text, '"\\') . '"';
    }
}
