<?php

declare(strict_types=1);

namespace Ferrite\Internal;

use Ferrite\Published;
use Ferrite\RemoteConnection;

/** What an audience needs of whoever made it. */
interface Sender
{
    public function sendTo(Selection $to, Message $message): Published;

    public function closeTo(Selection $to, int $code, string $reason, ?string $id): Published;

    public function countOf(Selection $to): int;

    /** @return iterable<RemoteConnection> */
    public function connectionsOf(Selection $to): iterable;
}
