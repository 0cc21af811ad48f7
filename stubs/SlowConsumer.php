<?php

declare(strict_types=1);

namespace Ferrite;

/**
 * What happens to a client that does not read, when a message would exceed {@see Limits::$sendBuffer}, and to those for
 * whom most waits when all together exceed {@see Limits::$totalSendBuffer}.
 *
 * Clients that read are not affected by any of these.
 */
enum SlowConsumer
{
    /** What waits is dropped and it is closed with 1013; the message is answered {@see SendResult::Closed}. */
    case Close;

    /**
     * The new message is left out, answered {@see SendResult::Dropped}; what waits is kept. Over the total the newest
     * that wait are left out, though they were answered {@see SendResult::Buffered}.
     */
    case DropNewest;

    /**
     * The oldest waiting messages are left out to make room; the new one is always kept, answered
     * {@see SendResult::Queued} or {@see SendResult::Buffered}. A burst may pass the limit for the moment until the I/O thread has
     * made room.
     */
    case DropOldest;
}
