<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\Published;
use Ferrite\PublisherException;
use Ferrite\RemoteConnection;

/** Sends the messages and questions of an {@see \Ferrite\RemoteAudience}. */
interface Sender
{
    /**
     * @throws \ValueError A text is not valid UTF-8.
     * @throws PublisherException
     */
    public function sendTo(Selection $to, Message $message): Published;

    /**
     * @throws \ValueError A text is not valid UTF-8, or the id is none.
     * @throws PublisherException
     */
    public function closeTo(Selection $to, int $code, string $reason, ?string $id): Published;

    /**
     * @throws \ValueError A text is not valid UTF-8.
     * @throws PublisherException
     */
    public function countOf(Selection $to): int;

    /**
     * @return iterable<RemoteConnection>
     *
     * @throws \ValueError A text is not valid UTF-8.
     * @throws PublisherException While iterating, too.
     */
    public function connectionsOf(Selection $to): iterable;
}
