<?php

declare(strict_types=1);

use Ferrite\Connection;

/** The people of each room. Ordinary PHP state: callbacks never overlap, so nothing needs a lock. */
final class Rooms
{
    /** @var array<string, array<int, Connection>> room => connection id => connection */
    private array $rooms = [];

    public function enter(Connection $who, string $room): void
    {
        $this->rooms[$room][$who->id] = $who;
    }

    public function leave(Connection $who, string $room): void
    {
        unset($this->rooms[$room][$who->id]);
        if (($this->rooms[$room] ?? []) === []) {
            unset($this->rooms[$room]);
        }
    }

    /** @return list<array{id: int, name: ?string}> Sorted by name. */
    public function people(string $room): array
    {
        $people = array_map(
            fn (Connection $c): array => ['id' => $c->id, 'name' => $c->user],
            array_values($this->rooms[$room] ?? []),
        );
        usort($people, fn (array $a, array $b): int => [$a['name'], $a['id']] <=> [$b['name'], $b['id']]);

        return $people;
    }

    /** @return list<array{name: string, people: int}> Sorted by name; the lobby is always there. */
    public function list(): array
    {
        $counts = array_map(count(...), $this->rooms) + ['lobby' => 0];
        ksort($counts, SORT_STRING);

        return array_map(
            fn (int|string $name): array => ['name' => (string) $name, 'people' => $counts[$name]],
            array_keys($counts),
        );
    }
}
