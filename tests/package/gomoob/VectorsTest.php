<?php

declare(strict_types=1);

namespace Ferrite\Tests\Gomoob;

use Gomoob\WebSocket\Message\MessageParser;
use Gomoob\WebSocket\Request\WebSocketRequest;
use Gomoob\WebSocket\Util\TagsTree;
use PHPUnit\Framework\TestCase;

/** What was observed on the original. */
final class VectorsTest extends TestCase
{
    /** @return iterable<string, array{array<mixed>, bool}> */
    public static function queries(): iterable
    {
        foreach (self::vectors()['queries'] as $query) {
            foreach ([false, true] as $legacy) {
                yield json_encode($query['tags']) . ($legacy ? ' legacy' : '') => [$query, $legacy];
            }
        }
    }

    /** @dataProvider queries */
    public function test_a_tree_finds_what_the_original_says_and_in_legacy_mode_what_it_found(array $query, bool $legacy): void
    {
        $tree = new TagsTree($legacy);
        foreach (self::vectors()['connections'] as $name => $tags) {
            $tree->add((object) ['name' => $name], $tags);
        }
        $found = array_column(array_map('get_object_vars', $tree->findByTags($query['tags'])), 'name');
        self::assertEqualsCanonicalizing($query[$legacy ? 'legacy' : 'strict_and'], $found);
    }

    /** @return iterable<string, array{array<mixed>}> */
    public static function frames(): iterable
    {
        foreach (self::vectors()['parse'] as $vector) {
            yield $vector['in'] . ($vector['parser'] ? ' with a parser' : '') => [$vector];
        }
    }

    /** @dataProvider frames */
    public function test_a_frame_is_read_or_refused_as_by_the_original(array $vector): void
    {
        try {
            $request = WebSocketRequest::createFromJSON($vector['in'], $vector['parser'] ? new MessageParser() : null);
        } catch (\InvalidArgumentException $error) {
            self::assertFalse($vector['ok'], $error->getMessage());
            // With a TypeError the original ended.
            if ($vector['exception'] !== 'TypeError') {
                self::assertSame($vector['message'], $error->getMessage());
                self::assertSame($vector['code'], $error->getCode());
                self::assertSame($vector['previous'], $error->getPrevious()?->getMessage());
            }

            return;
        }
        self::assertTrue($vector['ok']);
        self::assertSame($vector['forwarded_frame'], json_encode($request->getMessage()));
        self::assertSame($vector['reserialized'], json_encode($request));
    }

    /** @return array<string, array<mixed>> */
    private static function vectors(): array
    {
        return json_decode(file_get_contents(__DIR__ . '/vectors.json'), true, flags: JSON_THROW_ON_ERROR);
    }
}
