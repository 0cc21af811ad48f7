<?php

declare(strict_types=1);

namespace Ferrite\Tests\Gomoob;

use Gomoob\WebSocket\Client\WebSocketClientMock;
use Gomoob\WebSocket\Request\WebSocketRequest;
use Gomoob\WebSocket\Response\WebSocketResponse;
use Gomoob\WebSocket\Util\TagsTree;
use PHPUnit\Framework\TestCase;

final class TagsTreeTest extends TestCase
{
    public function test_what_is_deleted_or_added_again_leaves_no_trace(): void
    {
        [$a, $b] = [new \stdClass(), new \stdClass()];
        $tree = new TagsTree();
        $tree->add($a, ['x' => 1, 'y' => 'z']);
        $tree->add($b, ['x' => '1']);
        self::assertSame([$a, $b], array_values($tree->findByTags(['x' => 1])));
        $tree->add($a, ['y' => 'z']);
        self::assertSame([$b], array_values($tree->findByTags(['x' => '1'])));
        $tree->delete($b);
        $tree->delete($b);
        self::assertSame([[], [spl_object_hash($a) => $a]], [$tree->findByTags(['x' => 1]), $tree->findByTags(['y' => 'z'])]);
        self::assertTrue($tree->contains($a) && !$tree->contains($b) && count($tree) === 1);
        $tree->reset();
        self::assertSame([0, [], []], [$tree->count(), $tree->findByTags(), $tree->findByTags(['y' => 'z'])]);
    }

    public function test_nothing_is_added_with_tags_that_are_none(): void
    {
        $tree = new TagsTree();
        foreach ([[45 => 'a'], ['a' => 1.5]] as $tags) {
            try {
                $tree->add(new \stdClass(), $tags);
                self::fail('nothing was thrown');
            } catch (\InvalidArgumentException) {
                self::assertCount(0, $tree);
            }
        }
    }

    public function test_the_mock_remembers_what_was_sent_and_finds_it_by_its_tags(): void
    {
        $mock = new WebSocketClientMock();
        self::assertSame($mock, $mock->setDefaultTags(['app' => 'a'])->setDefaultMetadata(['key' => 'k']));
        [$fr, $en] = [WebSocketRequest::create('a', ['lang' => 'FR']), WebSocketRequest::create('b', ['app' => 'b'])];
        self::assertInstanceOf(WebSocketResponse::class, $mock->send($fr));
        $mock->send($fr);
        $mock->send($en);
        self::assertSame([2, true, false], [count($mock), $mock->contains($en), $mock->contains(clone $en)]);
        self::assertSame([$fr], array_values($mock->findByTags(['app' => 'a', 'lang' => 'FR'])));
        self::assertSame(['lang' => 'FR'], $fr->getTags(), 'what was sent is left as it is');
        $mock->reset();
        self::assertSame([0, false], [$mock->count(), $mock->contains($fr)]);
    }
}
