<?php

declare(strict_types=1);

namespace Ferrite\Tests\Package;

use Ferrite\RemoteConnection;
use Ferrite\ServerAwayException;
use Ferrite\ServerHealth;
use Ferrite\Testing\FakePublisher;
use Ferrite\Testing\Recorded;
use Ferrite\TopicPresence;
use PHPUnit\Framework\AssertionFailedError;

final class FakePublisherTest extends PackageTestCase
{
    public function testItKeepsWhatItIsGiven(): void
    {
        $fake = new FakePublisher(reached: 7);
        self::assertSame(7, $fake->publish('news', 'Hello', except: 3, id: 'x')->connections);
        $fake->broadcast("\xff", true, compress: false);
        $fake->to()->user('ann')->send('Hi');
        self::assertTrue($fake->to()->user('ann')->close(1008, 'banned')->isSent());

        [$published, $broadcast, $sent, $closed] = $fake->all();
        self::assertSame(['publish', 'news', 'Hello', 'x', [3]], [
            $published->method, $published->topic, $published->data, $published->id, $published->except,
        ]);
        self::assertSame(["\xff", true, false], [$broadcast->data, $broadcast->binary, $broadcast->compress]);
        self::assertSame(['ann'], $sent->to->selection->users);
        self::assertSame([1008, 'banned'], [$closed->code, $closed->data]);
        self::assertSame([$published], $fake->published());
        self::assertSame([], $fake->published('other'));
        $fake->reset();
        $fake->assertNothingPublished();
    }

    public function testWhatHoldsPasses(): void
    {
        $fake = new FakePublisher();
        $fake->publish('news', 'Hello');
        $fake->publish('news', 'strlen');
        $fake->broadcast('all');
        $fake->to()->user('ann')->topic('a')->send('Hi');
        $fake->to()->connection(7)->close(1008);

        $fake->assertPublished('news');
        $fake->assertPublished('news', 'Hello');
        $fake->assertPublished('news', 'strlen');
        $fake->assertPublished('news', fn (string $data, Recorded $r) => $data === 'Hello' && $r->topic === 'news');
        $fake->assertNotPublished('other');
        $fake->assertNotPublished('news', 'Bye');
        $fake->assertBroadcast('all');
        $fake->assertSentTo($fake->to()->user('ann')->topic('a'), 'Hi');
        $fake->assertClosed($fake->to()->connection(7));
        $fake->assertClosed($fake->to()->connection(7), 1008);
    }

    /** @dataProvider whatDoesNotHold */
    public function testWhatDoesNotHoldFails(string $message, \Closure $assertion): void
    {
        $fake = new FakePublisher();
        $fake->publish('news', 'Hello');
        $fake->to()->user('ann')->send('Hi');
        $fake->to()->user('ann')->close();
        $e = $this->thrown(AssertionFailedError::class, fn () => $assertion($fake));
        self::assertStringContainsString($message, $e->getMessage());
    }

    public static function whatDoesNotHold(): iterable
    {
        return [
            ['there was none', fn ($f) => $f->assertPublished('other')],
            ['there was only "Hello"', fn ($f) => $f->assertPublished('news', 'Bye')],
            ['there was only "Hello"', fn ($f) => $f->assertPublished('news', fn ($data) => false)],
            ['there is one', fn ($f) => $f->assertNotPublished('news')],
            ['publish, send, close', fn ($f) => $f->assertNothingPublished()],
            ['everybody', fn ($f) => $f->assertBroadcast()],
            ['there was none', fn ($f) => $f->assertSentTo($f->to(), 'Hi')],
            ['there was none', fn ($f) => $f->assertSentTo($f->to()->user('ann', 'bob'), 'Hi')],
            ['there was only "Hi"', fn ($f) => $f->assertSentTo($f->to()->user('ann'), 'Ho')],
            ['closed', fn ($f) => $f->assertClosed($f->to()->user('ann'), 1008)],
        ];
    }

    public function testWithoutPhpunitItFailsByItself(): void
    {
        $script = Script::run($this->folder(), <<<'PHP'
            $fake = new Ferrite\Testing\FakePublisher();
            $fake->assertNothingPublished();
            try {
                $fake->assertBroadcast('a');
            } catch (Ferrite\Testing\AssertionFailed $e) {
                echo $e->getMessage();
            }
            PHP);
        self::assertSame('Expected a message to everybody, but there was none.', $script->output());
    }

    public function testItAnswersWhatItWasTold(): void
    {
        $fake = new FakePublisher(
            2,
            [new RemoteConnection(7, 'ann')],
            ['news' => 2, 'nx' => 1, 'old' => 3],
            [new TopicPresence('news', ['ann'], 2)],
            ['connections' => 5],
        );
        self::assertSame(2, $fake->to()->topic('news')->count());
        self::assertSame(['ann'], array_column([...$fake->connections()], 'user'));
        self::assertSame(['news' => 2, 'nx' => 1], [...$fake->topics('n')]);
        self::assertSame(['ann'], $fake->presence('news')->users);
        self::assertSame(0, $fake->presence('other')->connections);
        self::assertSame(['connections' => 5], $fake->stats());
        self::assertSame(ServerHealth::Ok, $fake->health());
    }

    public function testItsListsAreOfTheTypesOfTheRealOnes(): void
    {
        $fake = new FakePublisher(connections: [new RemoteConnection(7)], topics: ['12' => 3]);
        self::assertInstanceOf(\Traversable::class, $fake->connections());
        $topics = $fake->topics('1');
        self::assertInstanceOf(\Traversable::class, $topics);
        self::assertSame(['12', 3], [$topics->key(), $topics->current()]);
    }

    public function testItFailsWhenToldToAndThenRecordsNothing(): void
    {
        $fake = new FakePublisher();
        $fake->failWith(new ServerAwayException('gone'));
        $this->thrown(ServerAwayException::class, fn () => $fake->publish('a', 'b'));
        $this->thrown(ServerAwayException::class, fn () => $fake->to()->count());
        self::assertSame(ServerHealth::Away, $fake->health());
        $fake->failWith(null);
        $fake->assertNothingPublished();
    }

    public function testWrongArgumentsThrowAsWithTheRealOne(): void
    {
        $fake = new FakePublisher();
        $this->thrown(\ValueError::class, fn () => $fake->publish('a', "\xff"));
        $this->thrown(\ValueError::class, fn () => $fake->publish("\xff", 'a'));
        $this->thrown(\ValueError::class, fn () => $fake->to()->user("\xff")->send('a'));
        $this->thrown(\ValueError::class, fn () => $fake->broadcast('a', id: ''));
        $this->thrown(\TypeError::class, fn () => $fake->broadcast('a', except: ['7']));
        $fake->assertNothingPublished();
    }
}
