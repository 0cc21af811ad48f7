<?php

declare(strict_types=1);

namespace Ferrite\Testing;

use Ferrite\RemoteAudience;
use Ferrite\Internal\Message;
use Ferrite\Published;
use Ferrite\PublisherException;
use Ferrite\PublisherInterface;
use Ferrite\RemoteConnection;
use Ferrite\ServerAwayException;
use Ferrite\ServerHealth;
use Ferrite\TopicPresence;

/**
 * A publisher without a server, for tests of code that publishes: it records messages and returns prepared answers.
 *
 * ```php
 * $publisher = new FakePublisher();
 * (new OrderService($publisher))->ship($order);
 * $publisher->assertPublished("order-{$order->id}", fn (string $data) => json_decode($data)->state === 'shipped');
 * $publisher->assertSentTo($publisher->to()->user('ann'), 'Your order is on its way');
 * ```
 *
 * Arguments are checked as by {@see \Ferrite\Publisher}, so invalid UTF-8 or an impossible id throws `ValueError`;
 * values that only a server can refuse are accepted. A message is recorded each time, also with an id that was there
 * before. Audiences are compared by their selectors and values, in their order: without a server there are no
 * connections to compare.
 *
 * A failed assertion throws PHPUnit's exception, if PHPUnit is loaded, else {@see AssertionFailed}. A `$match` is the
 * whole data, or a callable that gets data and {@see Recorded} and returns true if they match; null matches every
 * message.
 */
final class FakePublisher implements PublisherInterface
{
    private readonly RecordingSender $sender;

    /**
     * @param int $reached Number of connections that every message reports as addressed; `count()` returns it too.
     * @param list<RemoteConnection> $connections Connections that `connections()` lists, for any audience.
     * @param array<string, int> $topics Topics that `topics()` lists, with their numbers of connections.
     * @param list<TopicPresence> $presences Answers of `presence()`; other topics are empty.
     * @param array<string, int|float> $stats Figures that `stats()` returns.
     */
    public function __construct(
        int $reached = 1,
        array $connections = [],
        private readonly array $topics = [],
        private readonly array $presences = [],
        private readonly array $stats = [],
    ) {
        $this->sender = new RecordingSender($reached, $connections);
    }

    /** Makes every later call throw this exception; null = calls succeed again. */
    public function failWith(?PublisherException $e): void
    {
        $this->sender->failure = $e;
    }

    public function publish(
        string $topic,
        string $data,
        bool $binary = false,
        int|array $except = [],
        ?bool $compress = null,
        ?string $id = null,
    ): Published {
        $except = Message::ids($except, 'except');
        return $this->sender->record('publish', new Message($data, $binary, $compress, $id), $topic, except: $except);
    }

    public function broadcast(
        string $data,
        bool $binary = false,
        int|array $except = [],
        ?bool $compress = null,
        ?string $id = null,
    ): Published {
        $except = Message::ids($except, 'except');
        return $this->sender->record('broadcast', new Message($data, $binary, $compress, $id), except: $except);
    }

    public function to(): RemoteAudience
    {
        return new RemoteAudience($this->sender);
    }

    public function connections(): iterable
    {
        return $this->to()->connections();
    }

    public function topics(string $prefix = ''): iterable
    {
        $this->sender->throwFailure();
        return $this->listTopics($prefix);
    }

    public function presence(string $topic): TopicPresence
    {
        $this->sender->throwFailure();
        foreach ($this->presences as $presence) {
            if ($presence->topic === $topic) {
                return $presence;
            }
        }
        return new TopicPresence($topic);
    }

    public function stats(): array
    {
        $this->sender->throwFailure();
        return $this->stats;
    }

    public function health(): ServerHealth
    {
        try {
            $this->sender->throwFailure();
        } catch (ServerAwayException) {
            return ServerHealth::Away;
        }
        return ServerHealth::Ok;
    }

    /**
     * Messages published to this topic, or to any, in order.
     *
     * @return list<Recorded>
     */
    public function published(?string $topic = null): array
    {
        return $this->recorded('publish', fn (Recorded $r) => $topic === null || $r->topic === $topic);
    }

    /**
     * All recorded calls, in order.
     *
     * @return list<Recorded>
     */
    public function all(): array
    {
        return $this->sender->recorded;
    }

    /** Forgets all recorded calls. */
    public function reset(): void
    {
        $this->sender->recorded = [];
    }

    /**
     * Asserts that at least one matching message was published to the topic.
     *
     * @param string|(callable(string, Recorded): bool)|null $match
     */
    public function assertPublished(string $topic, string|callable|null $match = null): void
    {
        $this->assertSome($this->published($topic), $match, "a message to the topic '$topic'");
    }

    /**
     * Asserts that no matching message was published to the topic.
     *
     * @param string|(callable(string, Recorded): bool)|null $match
     */
    public function assertNotPublished(string $topic, string|callable|null $match = null): void
    {
        $found = self::fitting($this->published($topic), $match);
        $this->assert($found === [], "No such message should have been published to '$topic', but there is one.");
    }

    /** Asserts that nothing was sent, by any method, and no connection was closed. */
    public function assertNothingPublished(): void
    {
        $done = array_map(fn (Recorded $r) => $r->method, $this->all());
        $this->assert($done === [], 'Nothing should have been sent, but this was done: ' . implode(', ', $done) . '.');
    }

    /**
     * Asserts that at least one matching message was broadcast.
     *
     * @param string|(callable(string, Recorded): bool)|null $match
     */
    public function assertBroadcast(string|callable|null $match = null): void
    {
        $this->assertSome($this->recorded('broadcast', fn () => true), $match, 'a message to everybody');
    }

    /**
     * At least one message that fits was sent to this audience, as in `$fake->to()->user('ann')`.
     *
     * @param string|(callable(string, Recorded): bool)|null $match
     */
    public function assertSentTo(RemoteAudience $to, string|callable|null $match = null): void
    {
        $this->assertSome($this->recorded('send', $this->isTo($to)), $match, 'a message to this audience');
    }

    /** Asserts that this audience was closed, with this code if one is given. */
    public function assertClosed(RemoteAudience $to, ?int $code = null): void
    {
        $fits = fn (string $reason, Recorded $r) => $code === null || $r->code === $code;
        $this->assertSome($this->recorded('close', $this->isTo($to)), $fits, 'this audience to be closed');
    }

    /** @return \Generator<string, int> */
    private function listTopics(string $prefix): \Generator
    {
        foreach ($this->topics as $topic => $connections) {
            // The key of an array is an int if it looks like one; the name of a topic is not.
            if (str_starts_with((string) $topic, $prefix)) {
                yield (string) $topic => $connections;
            }
        }
    }

    /** @return \Closure(Recorded): bool */
    private function isTo(RemoteAudience $to): \Closure
    {
        return fn (Recorded $r) => $r->to?->selection == $to->selection;
    }

    /** @return list<Recorded> */
    private function recorded(string $method, \Closure $fits): array
    {
        return array_values(array_filter($this->all(), fn (Recorded $r) => $r->method === $method && $fits($r)));
    }

    /**
     * @param list<Recorded> $candidates
     *
     * @return list<Recorded>
     */
    private static function fitting(array $candidates, string|callable|null $match): array
    {
        return array_values(array_filter($candidates, fn (Recorded $r) => match (true) {
            $match === null => true,
            // A string is data, even if it is a function's name.
            is_string($match) => $r->data === $match,
            default => $match($r->data, $r) === true,
        }));
    }

    /** @param list<Recorded> $candidates */
    private function assertSome(array $candidates, string|callable|null $match, string $what): void
    {
        $others = array_map(fn (Recorded $r) => json_encode($r->data, JSON_INVALID_UTF8_SUBSTITUTE), $candidates);
        $instead = $others === [] ? 'there was none' : 'there was only ' . implode(', ', array_slice($others, 0, 5));
        $this->assert(self::fitting($candidates, $match) !== [], "Expected $what, but $instead.");
    }

    private function assert(bool $holds, string $message): void
    {
        if (class_exists(\PHPUnit\Framework\Assert::class)) {
            \PHPUnit\Framework\Assert::assertTrue($holds, $message);
        } elseif (!$holds) {
            throw new AssertionFailed($message);
        }
    }
}
