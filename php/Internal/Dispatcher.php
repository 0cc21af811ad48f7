<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\Flushed;
use Ferrite\Published;
use Ferrite\PublisherException;
use Ferrite\RemoteConnection;
use Ferrite\ServerAwayException;
use Ferrite\TopicPresence;
use Ferrite\WhenAway;

/**
 * Sends messages and questions to a server, and applies the {@see WhenAway} of its publisher while the server is away.
 */
final class Dispatcher implements Sender
{
    /** Most entries of one answer to a question that lists. */
    private const PAGE = 1000;

    /**
     * Most seconds, and messages, that one call spends on the spooled messages of earlier calls, so that no page slows
     * down.
     */
    private const CATCH_UP_SECONDS = 0.02;
    private const CATCH_UP_MESSAGES = 100;

    public function __construct(
        public readonly ControlClient $client,
        private readonly float $timeout,
        private readonly WhenAway $whenAway,
        private readonly ?Spool $spool,
    ) {
    }

    public function deadline(): Deadline
    {
        return Deadline::in($this->timeout);
    }

    /**
     * Sends a message, or applies {@see WhenAway} to it.
     *
     * @param array<string, mixed> $fields Fields of the request in addition to the message.
     *
     * @throws \ValueError A text is not valid UTF-8.
     * @throws PublisherException The message could not be sent.
     */
    public function deliver(string $path, array $fields, Message $message): Published
    {
        $body = Json::encode($fields + $message->fields());
        $deadline = $this->deadline();
        if ($this->spool?->isEmpty() === false) {
            $caughtUp = $this->catchUp($deadline);
            if (!$caughtUp->isEmpty) {
                return $this->queue($path, $body, $message->id, $deadline, $caughtUp);
            }
        }
        try {
            return $this->post($path, $body, $message->id, $deadline);
        } catch (ServerAwayException $e) {
            return match ($this->whenAway) {
                WhenAway::Throw => throw $e,
                WhenAway::Ignore => Published::ignored($message->id, $e),
                WhenAway::Spool => $this->spool($path, $body, $message->id, $deadline, $e),
            };
        }
    }

    /**
     * Sends the spooled messages.
     *
     * @param float|null $seconds Seconds after which no further message is begun; null = until nothing is left.
     */
    public function flush(?float $seconds): Flushed
    {
        $send = fn (SpooledMessage $m) => $this->post($m->path, $m->body, $m->id, $this->deadline());
        return $this->spool?->flush($send, $seconds === null ? null : Deadline::in($seconds)) ?? new Flushed();
    }

    private function catchUp(Deadline $deadline): Flushed
    {
        if ($this->spool->isBackingOff()) {
            return new Flushed(isEmpty: false);
        }
        $send = fn (SpooledMessage $m) => $this->post($m->path, $m->body, $m->id, $deadline);
        return $this->spool->flush($send, $deadline->within(self::CATCH_UP_SECONDS), self::CATCH_UP_MESSAGES);
    }

    /** Queues a message behind earlier ones, so that it does not overtake them. */
    private function queue(string $path, string $body, string $id, Deadline $deadline, Flushed $caughtUp): Published
    {
        if ($caughtUp->reason instanceof ServerAwayException) {
            return $this->spool($path, $body, $id, $deadline, $caughtUp->reason);
        }
        if ($caughtUp->reason !== null) {
            throw $caughtUp->reason;
        }
        $this->spool->append(new SpooledMessage(time(), $id, $path, $body));
        if ($caughtUp->sent + $caughtUp->rejected === 0) {
            // Another process was sending, and may have made its last check just before.
            $this->catchUp($deadline);
        }
        return Published::spooled($id);
    }

    private function spool(
        string $path,
        string $body,
        string $id,
        Deadline $deadline,
        ServerAwayException $reason,
    ): Published {
        if ($deadline->hasPassed()) {
            $this->spool->backOff();
        }
        $this->spool->append(new SpooledMessage(time(), $id, $path, $body), $reason);
        return Published::spooled($id, $reason);
    }

    public function sendTo(Selection $to, Message $message): Published
    {
        return $this->deliver('/v1/send', ['to' => $to->toJson()], $message);
    }

    public function closeTo(Selection $to, int $code, string $reason, ?string $id): Published
    {
        $id = Message::id($id);
        $body = Json::encode(['to' => $to->toJson(), 'code' => $code, 'reason' => $reason]);
        try {
            return $this->post('/v1/close', $body, $id, $this->deadline());
        } catch (ServerAwayException $e) {
            return $this->whenAway === WhenAway::Ignore ? Published::ignored($id, $e) : throw $e;
        }
    }

    public function countOf(Selection $to): int
    {
        $body = Json::encode(['to' => $to->toJson()]);
        $answer = $this->client->post('/v1/count', $body, Message::id(null), $this->deadline());
        return $this->client->requireInt($answer, 'connections');
    }

    /** @return \Generator<int, RemoteConnection> */
    public function connectionsOf(Selection $to): iterable
    {
        // Throw for invalid texts now, and not when the iteration begins.
        Json::encode(['to' => $to->toJson()]);
        return $this->listConnections($to);
    }

    /** @return \Generator<string, int> */
    public function topics(string $prefix): iterable
    {
        Json::encode(['prefix' => $prefix]);
        return $this->listTopics($prefix);
    }

    public function presence(string $topic): TopicPresence
    {
        Json::encode(['topic' => $topic]);
        $answer = $this->client->get('/v1/presence?topic=' . rawurlencode($topic), $this->deadline());
        $users = $this->client->requireArray($answer, 'users');
        return new TopicPresence($topic, array_values($users), $this->client->requireInt($answer, 'connections'));
    }

    /** @return \Generator<int, RemoteConnection> */
    private function listConnections(Selection $to): \Generator
    {
        if ($to->matchesNobody()) {
            return;
        }
        foreach ($this->pages('/v1/connections', $to->toQuery(), 'connections') as $entry) {
            yield $this->connection($entry);
        }
    }

    /** @return \Generator<string, int> */
    private function listTopics(string $prefix): \Generator
    {
        $query = $prefix === '' ? '' : 'prefix=' . rawurlencode($prefix);
        foreach ($this->pages('/v1/topics', $query, 'topics') as $entry) {
            $topic = $entry['topic'] ?? null;
            if (!is_string($topic)) {
                throw $this->client->unexpectedAnswer();
            }
            yield $topic => $this->client->requireInt($entry, 'connections');
        }
    }

    /** @return \Generator<int, array<mixed>> */
    private function pages(string $path, string $query, string $name): \Generator
    {
        $after = '';
        do {
            $pairs = array_filter([$query, 'limit=' . self::PAGE, $after], 'strlen');
            $answer = $this->client->get("$path?" . implode('&', $pairs), $this->deadline());
            $entries = $this->client->requireArray($answer, $name);
            foreach ($entries as $entry) {
                yield is_array($entry) ? $entry : throw $this->client->unexpectedAnswer();
            }
            $next = $answer['next'] ?? null;
            if ($next !== null && !is_int($next) && !is_string($next) || $after === "after=$next") {
                throw $this->client->unexpectedAnswer();
            }
            $after = 'after=' . rawurlencode((string) $next);
        } while ($next !== null);
    }

    /** @param array<mixed> $entry */
    private function connection(array $entry): RemoteConnection
    {
        try {
            return new RemoteConnection(
                $entry['id'] ?? null,
                $entry['user'] ?? null,
                $entry['topics'] ?? [],
                $entry['tags'] ?? [],
                $entry['buffered'] ?? 0,
                $entry['latency'] ?? null,
            );
        } catch (\TypeError) {
            throw $this->client->unexpectedAnswer();
        }
    }

    private function post(string $path, string $body, string $id, Deadline $deadline): Published
    {
        $answer = $this->client->post($path, $body, $id, $deadline);
        return Published::sent($this->client->requireInt($answer, 'connections'), $id);
    }
}
