<?php

declare(strict_types=1);

namespace Ferrite\Internal;

/**
 * The selectors of an audience, without a sender. Equal selections (`==`) have the same selectors and values in the
 * same order.
 */
final class Selection
{
    /**
     * @param list<string>|null $topics Matches connections in one of these; null = no such selector.
     * @param list<string>|null $users Matches connections of one of these; null = no such selector.
     * @param list<int>|null $connections Matches these ids; null = no such selector.
     * @param list<array<string, string>|string> $tags All have to match: tags with their values, or a query.
     * @param list<int> $except Ids that do not match.
     */
    public function __construct(
        public readonly ?array $topics = null,
        public readonly ?array $users = null,
        public readonly ?array $connections = null,
        public readonly array $tags = [],
        public readonly array $except = [],
    ) {
    }

    /** True if a selector has no value, so that no connection can match. */
    public function matchesNobody(): bool
    {
        return $this->topics === [] || $this->users === [] || $this->connections === [];
    }

    /** The audience as a JSON object of the control API. */
    public function toJson(): object
    {
        $fields = [];
        foreach (['topics', 'users', 'connections'] as $name) {
            if ($this->$name !== null) {
                $fields[$name] = $this->$name;
            }
        }
        if ($this->tags !== []) {
            // A single query is sent unchanged: the column of an error then fits the caller's text.
            $fields['tags'] = count($this->tags) > 1 ? $this->query() : (
                is_array($this->tags[0]) ? (object) $this->tags[0] : $this->tags[0]
            );
        }
        if ($this->except !== []) {
            $fields['except'] = $this->except;
        }
        return (object) $fields;
    }

    /**
     * The audience as the query of a URL, which cannot express an empty list: check {@see self::matchesNobody()}
     * before.
     */
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

    /** All conditions on tags, as one query. */
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
