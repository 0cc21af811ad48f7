<?php

declare(strict_types=1);

namespace Ferrite\Testing;

use Ferrite\RemoteAudience;
use Ferrite\Internal\Json;
use Ferrite\Internal\Message;
use Ferrite\Internal\Selection;
use Ferrite\Internal\Sender;
use Ferrite\Published;
use Ferrite\PublisherException;
use Ferrite\RemoteConnection;

/**
 * Records messages instead of sending them.
 *
 * @internal
 */
final class RecordingSender implements Sender
{
    /** @var list<Recorded> */
    public array $recorded = [];
    public ?PublisherException $failure = null;

    /** @param list<RemoteConnection> $connections */
    public function __construct(private readonly int $reached, private readonly array $connections)
    {
    }

    /** @throws PublisherException The prepared failure, if there is one. */
    public function throwFailure(): void
    {
        if ($this->failure !== null) {
            throw $this->failure;
        }
    }

    /** @param list<int> $except */
    public function record(
        string $method,
        Message $message,
        ?string $topic = null,
        ?Selection $to = null,
        array $except = [],
        ?int $code = null,
    ): Published {
        // Throws for the texts that the real publisher refuses.
        Json::encode(['topic' => $topic, 'to' => $to?->toJson()] + $message->fields());
        $this->throwFailure();
        $this->recorded[] = new Recorded(
            $method,
            $message->data,
            $message->id,
            $topic,
            $to === null ? null : new RemoteAudience($this, $to),
            $message->binary,
            $except,
            $message->compress,
            $code,
        );
        return Published::sent($this->reached, $message->id);
    }

    public function sendTo(Selection $to, Message $message): Published
    {
        return $this->record('send', $message, to: $to);
    }

    public function closeTo(Selection $to, int $code, string $reason, ?string $id): Published
    {
        return $this->record('close', new Message($reason, false, null, $id), to: $to, code: $code);
    }

    public function countOf(Selection $to): int
    {
        $this->throwFailure();
        return $this->reached;
    }

    public function connectionsOf(Selection $to): iterable
    {
        $this->throwFailure();
        // A generator as in the real publisher: `iterator_to_array()` takes no array before PHP 8.2.
        return (fn () => yield from $this->connections)();
    }
}
